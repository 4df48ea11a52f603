using System.Text.Json.Nodes;
using CvManager.Cluster;
using CvManager.Sandbox;
using CvManager.Support;
using CvManager.Watching;
using Xunit;

namespace CvManager.Simulation.Watching;

/// <summary>The copy of a collection stays correct whatever happens to the watch: on a sandbox cluster under a virtual clock.</summary>
public sealed class ReflectorTests : IAsyncLifetime
{
    private static readonly DateTimeOffset Start = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);
    private static readonly ResourcePath ConfigMaps = new("", "v1", "configmaps", "default");

    private readonly VirtualTime _time = new(Start);
    private readonly CancellationTokenSource _stop = new();
    private readonly Copy _copy = new();
    private readonly EventLog _log = new();
    private readonly List<string> _requests = [];
    private SandboxCluster _cluster = null!;
    private ClusterConnection _writer = null!;
    private Task? _running;
    private string? _broken;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _cluster = await SandboxCluster.StartAsync(
            new SandboxOptions
            {
                TimeProvider = _time,
                Listen = false,
                Token = "",
                Seed = 1,
                Deterministic = true,
                RequestLog = r => _requests.Add($"{r.Method} {r.PathAndQuery} {r.StatusCode}"),
            },
            Token
        );
        _writer = ClusterConnection.FromHandler(_cluster.CreateHandler(), new Uri("http://sandbox"), null, time: _time);
        await CreateAsync("first");
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _time.RunUntilAsync(_time.GetUtcNow().AddMinutes(1), null, CancellationToken.None);
        if (_running is not null)
            await _running;
        _writer.Dispose();
        await _cluster.DisposeAsync();
        _stop.Dispose();
    }

    [Fact]
    public async Task Existing_objects_and_changes_are_seen_and_cost_one_list()
    {
        var reflector = Reflect(null);
        await RunAsync(TimeSpan.FromSeconds(5));
        Assert.True(reflector.Synced.IsCompletedSuccessfully);
        Assert.Equal(["first", "kube-root-ca.crt"], _copy.Names);

        await CreateAsync("second");
        await WriteAsync(_writer.DeleteAsync(ConfigMaps with { Name = "first" }, Token));
        await RunAsync(TimeSpan.FromMinutes(30));

        Assert.Equal(["kube-root-ca.crt", "second"], _copy.Names);
        Assert.Single(_requests, r => r.StartsWith("GET /api/v1/namespaces/default/configmaps?limit", StringComparison.Ordinal));
    }

    [Fact]
    public async Task An_expired_watch_is_followed_by_a_list()
    {
        var watches = 0;
        Reflect(request =>
            IsWatch(request) && ++watches == 1
                ? new RequestFault { Watch = new WatchFault(WatchFaultKind.Expire) { AfterTime = TimeSpan.FromSeconds(10) } }
                : RequestFault.None
        );
        await RunAsync(TimeSpan.FromSeconds(5));
        await CreateAsync("second");
        await WriteAsync(_writer.DeleteAsync(ConfigMaps with { Name = "first" }, Token));

        await RunAsync(TimeSpan.FromMinutes(1));

        Assert.Equal(["kube-root-ca.crt", "second"], _copy.Names);
    }

    [Fact]
    public async Task A_silent_watch_is_replaced_and_nothing_is_missed()
    {
        var watches = 0;
        Reflect(request =>
            IsWatch(request) && ++watches == 1
                ? new RequestFault { Watch = new WatchFault(WatchFaultKind.Stall) { AfterEvents = 0 } }
                : RequestFault.None
        );
        await RunAsync(TimeSpan.FromSeconds(5));
        await CreateAsync("second");

        await RunAsync(TimeSpan.FromMinutes(1));
        Assert.DoesNotContain("second", _copy.Names);
        await RunAsync(TimeSpan.FromMinutes(5));

        Assert.Contains("second", _copy.Names);
    }

    [Fact]
    public async Task A_kind_that_is_not_served_counts_as_empty_is_logged_once_and_is_read_when_it_is_served()
    {
        ResourcePath widgets = new("example.com", "v1", "widgets", "default");
        var reflector = Reflect(null, widgets);
        await RunAsync(TimeSpan.FromMinutes(20));
        Assert.True(reflector.Synced.IsCompletedSuccessfully);
        Assert.Single(_log.Of(LogEvents.KindNotServed));

        await WriteAsync(
            _writer.CreateAsync(
                new ResourcePath("apiextensions.k8s.io", "v1", "customresourcedefinitions"),
                JsonNode
                    .Parse(
                        """
                        {"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","metadata":{"name":"widgets.example.com"},
                         "spec":{"group":"example.com","scope":"Namespaced","names":{"kind":"Widget","listKind":"WidgetList","plural":"widgets","singular":"widget"},
                         "versions":[{"name":"v1","served":true,"storage":true,"schema":{"openAPIV3Schema":{"type":"object"}}}]}}
                        """
                    )!
                    .AsObject(),
                Token
            )
        );
        await RunAsync(TimeSpan.FromSeconds(5));
        await WriteAsync(
            _writer.CreateAsync(
                widgets,
                new JsonObject
                {
                    ["apiVersion"] = "example.com/v1",
                    ["kind"] = "Widget",
                    ["metadata"] = new JsonObject { ["name"] = "w" },
                },
                Token
            )
        );
        await RunAsync(TimeSpan.FromMinutes(10));

        Assert.Equal(["w"], _copy.Names);
    }

    [Fact]
    public async Task A_permission_that_is_revoked_and_restored_is_logged_and_loses_nothing()
    {
        var forbidden = false;
        Reflect(request =>
            forbidden
                ? new RequestFault
                {
                    StatusCode = 403,
                    Message = "configmaps is forbidden: User \"sam\" cannot list resource \"configmaps\"",
                }
            : IsWatch(request) ? new RequestFault { Watch = new WatchFault(WatchFaultKind.End) { AfterTime = TimeSpan.FromMinutes(2) } }
            : RequestFault.None
        );
        await RunAsync(TimeSpan.FromSeconds(5));

        forbidden = true;
        await RunAsync(TimeSpan.FromMinutes(10));
        Assert.Equal(["first", "kube-root-ca.crt"], _copy.Names);
        Assert.Equal(ErrorIds.ClusterForbidden, _log.AssertOnce(LogEvents.WatchFailed, "configmaps").ErrorId);

        forbidden = false;
        await CreateAsync("second");
        await RunAsync(TimeSpan.FromMinutes(10));
        Assert.Contains("second", _copy.Names);
        Assert.Single(_log.Of(LogEvents.WatchRecovered));
    }

    [Fact]
    public async Task A_reader_that_throws_unexpectedly_does_not_hide_other_objects()
    {
        _broken = "bad";
        await CreateAsync("bad");
        var reflector = Reflect(null);
        await RunAsync(TimeSpan.FromSeconds(5));
        Assert.True(reflector.IsCurrent);
        Assert.Equal(["first", "kube-root-ca.crt"], _copy.Names);

        await CreateAsync("second");
        await RunAsync(TimeSpan.FromMinutes(30));

        Assert.Equal(["first", "kube-root-ca.crt", "second"], _copy.Names);
        Assert.Equal("default/bad", _log.AssertOnce(LogEvents.ObjectUnreadable).Fields["Resource"]);
    }

    [Fact]
    public async Task A_watch_that_receives_nothing_in_its_whole_time_is_followed_by_a_list()
    {
        var mute = true;
        Reflect(
            request =>
                IsWatch(request) && mute
                    ? new RequestFault { Watch = new WatchFault(WatchFaultKind.End) { AfterTime = TimeSpan.FromSeconds(59) } }
                    : RequestFault.None,
            options: new ReflectorOptions { WatchTime = (TimeSpan.FromSeconds(60), TimeSpan.FromSeconds(61)) }
        );
        await RunAsync(TimeSpan.FromMinutes(3));
        mute = false;

        Assert.InRange(
            _requests.Count(r => r.StartsWith("GET /api/v1/namespaces/default/configmaps?limit", StringComparison.Ordinal)),
            2,
            5
        );
    }

    [Fact]
    public async Task A_watch_that_is_accepted_again_is_current_before_anything_changes()
    {
        var refuses = true;
        var reflector = Reflect(request =>
            IsWatch(request) && refuses ? new RequestFault { StatusCode = 503, Message = "restarting" } : RequestFault.None
        );
        await RunAsync(TimeSpan.FromSeconds(3));
        Assert.False(reflector.IsCurrent);

        refuses = false;
        await RunAsync(TimeSpan.FromSeconds(15));

        Assert.True(reflector.IsCurrent);
    }

    private static bool IsWatch(HttpRequestMessage request) => request.RequestUri!.Query.Contains("watch=1", StringComparison.Ordinal);

    private Reflector<string> Reflect(
        Func<HttpRequestMessage, RequestFault>? faults,
        ResourcePath? path = null,
        ReflectorOptions? options = null
    )
    {
        var connection = ClusterConnection.FromHandler(
            _cluster.CreateHandler(faults is null ? null : (request, _) => ValueTask.FromResult(faults(request))),
            new Uri("http://sandbox"),
            null,
            time: _time
        );
        Reflector<string> reflector = new(
            connection,
            [path ?? ConfigMaps],
            null,
            (json, _) => Read(json),
            _copy,
            new(_time, _log) { Random = new Random(1) },
            options
        );
        _running = RunThenDisposeAsync();
        return reflector;

        async Task RunThenDisposeAsync()
        {
            using (connection)
                await reflector.RunAsync(_stop.Token);
        }
    }

    private string Read(JsonObject json)
    {
        var name = json["metadata"]!["name"]!.GetValue<string>();
        return name == _broken ? throw new InvalidOperationException("made to fail") : name;
    }

    private Task<bool> RunAsync(TimeSpan time) => _time.RunUntilAsync(_time.GetUtcNow() + time, null, Token);

    private Task CreateAsync(string name) =>
        WriteAsync(
            _writer.CreateAsync(
                ConfigMaps,
                new JsonObject
                {
                    ["apiVersion"] = "v1",
                    ["kind"] = "ConfigMap",
                    ["metadata"] = new JsonObject { ["name"] = name },
                },
                Token
            )
        );

    private async Task WriteAsync(Task request)
    {
        await RunAsync(TimeSpan.FromMilliseconds(100));
        await request;
    }

    private sealed class Copy : IReflection<string>
    {
        private readonly SortedSet<string> _names = new(StringComparer.Ordinal);

        public IReadOnlyList<string> Names
        {
            get
            {
                lock (_names)
                    return [.. _names];
            }
        }

        public void Replace(IReadOnlyList<string> all)
        {
            lock (_names)
            {
                _names.Clear();
                _names.UnionWith(all);
            }
        }

        public void Set(string item)
        {
            lock (_names)
                _names.Add(item);
        }

        public void Remove(string item)
        {
            lock (_names)
                _names.Remove(item);
        }

        public void Skip(string key)
        {
            lock (_names)
                _names.Remove(key.Split('/')[1]);
        }

        public void Blocked(CvException? why)
        {
            // Objects that were seen are kept.
        }
    }
}
