using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using CvManager.Cluster;
using CvManager.Records;
using CvManager.Sandbox;
using Xunit;

namespace CvManager.Support.Cluster;

/// <summary>
/// A sandbox without a socket, with the namespace shop. A test can inject faults, and read the requests and the log. For code that needs
/// the behavior of a cluster; code under a virtual clock and single requests use <see cref="FakeApiServer"/>.
/// </summary>
internal sealed class InProcessCluster : IAsyncDisposable
{
    private readonly SandboxCluster _cluster;
    private readonly List<IDisposable> _owned = [];

    private InProcessCluster(SandboxCluster cluster)
    {
        _cluster = cluster;
        Connection = Connect();
    }

    public ClusterConnection Connection { get; }

    /// <summary>Sees each request before the cluster does.</summary>
    public Func<HttpRequestMessage, RequestFault> Faults { get; set; } = _ => RequestFault.None;

    public ConcurrentQueue<string> Requests { get; } = new();

    public EventLog Log { get; } = new();

    public IEnumerable<string> Writes => Requests.Where(r => !r.StartsWith("GET", StringComparison.Ordinal));

    /// <param name="nodes">0 for a cluster on which no pod starts: a test writes the status of its pods.</param>
    public static async Task<InProcessCluster> StartAsync(int nodes = 2)
    {
        InProcessCluster cluster = new(
            await SandboxCluster.StartAsync(
                new SandboxOptions
                {
                    Listen = false,
                    Seed = 1,
                    Nodes = nodes,
                },
                TestContext.Current.CancellationToken
            )
        );
        await cluster.Connection.CreateAsync(
            new ResourcePath("", "v1", "namespaces"),
            new JsonObject
            {
                ["apiVersion"] = "v1",
                ["kind"] = "Namespace",
                ["metadata"] = new JsonObject { ["name"] = "shop" },
            },
            TestContext.Current.CancellationToken
        );
        cluster.Requests.Clear();
        return cluster;
    }

    public ClusterConnection Connect()
    {
        var handler = _cluster.CreateHandler(
            (request, _) =>
            {
                Requests.Enqueue($"{request.Method} {request.RequestUri!.AbsolutePath}");
                return ValueTask.FromResult(Faults(request));
            }
        );
        var connection = ClusterConnection.FromHandler(handler, new Uri("http://sandbox"), _cluster.Token);
        _owned.Add(connection);
        _owned.Add(handler);
        return connection;
    }

    public RolloutHistory History(ClusterConnection? connection = null) =>
        new(connection ?? Connection, new EngineEnvironment(TimeProvider.System, Log));

    public string Token => _cluster.Token;

    /// <summary>A handler without faults. The caller disposes it.</summary>
    public HttpMessageHandler CreateHandler() => _cluster.CreateHandler();

    public static ResourcePath ConfigMap(string name) => new("", "v1", "configmaps", "shop", name);

    public async Task<JsonObject> DataAsync(string name) =>
        (JsonObject)(await Connection.GetAsync(ConfigMap(name), TestContext.Current.CancellationToken))["data"]!;

    public Task CreateConfigMapAsync(string name, JsonObject data) =>
        Connection.CreateAsync(
            ConfigMap(name) with
            {
                Name = null,
            },
            new JsonObject
            {
                ["apiVersion"] = "v1",
                ["kind"] = "ConfigMap",
                ["metadata"] = new JsonObject { ["name"] = name, ["namespace"] = "shop" },
                ["data"] = data,
            },
            TestContext.Current.CancellationToken
        );

    public async ValueTask DisposeAsync()
    {
        foreach (var owned in _owned)
            owned.Dispose();
        await _cluster.DisposeAsync();
    }
}
