using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using CvManager.Cluster;
using CvManager.Records;
using CvManager.Resources;
using CvManager.Sandbox;
using Xunit;

namespace CvManager.Unit.Records;

/// <summary>A cluster in this process, whose answers a test can spoil, and a log that it can read.</summary>
internal sealed class RecordsCluster : IAsyncDisposable
{
    public static readonly DateTimeOffset Noon = new(2026, 1, 1, 12, 0, 0, TimeSpan.Zero);

    private readonly SandboxCluster _cluster;
    private readonly List<IDisposable> _owned = [];

    private RecordsCluster(SandboxCluster cluster)
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

    /// <param name="nodes">0 for a cluster on which no pod starts: a test writes what becomes of it.</param>
    public static async Task<RecordsCluster> StartAsync(int nodes = 2)
    {
        RecordsCluster cluster = new(
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

    public RolloutHistory History(ClusterConnection? connection = null) => new(connection ?? Connection, TimeProvider.System, Log);

    public string Token => _cluster.Token;

    /// <summary>The API server without faults; the caller's to dispose of.</summary>
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

    public static RolloutRecord Record(
        string id = "1",
        string name = "app",
        string cv = "cv",
        int minute = 0,
        string outcome = RolloutPhase.Succeeded,
        string reason = ""
    ) =>
        new()
        {
            Id = id,
            CV = cv,
            Kind = "Deployment",
            Name = name,
            Container = "main",
            FromVersion = "1111111",
            ToVersion = "2222222",
            FromImage = "r.example/app:1111111",
            ToImage = "r.example/app:2222222",
            Digest = "sha256:" + new string('a', 64),
            Started = Noon.AddMinutes(minute),
            Finished = Noon.AddMinutes(minute).AddSeconds(30),
            Outcome = outcome,
            Reason = reason,
        };

    public static ContainerVersion Resource(ConfigSpec? config = null, HistorySpec? history = null) =>
        new()
        {
            Metadata = new ResourceMetadata
            {
                Name = "cv",
                Namespace = "shop",
                Uid = "u-cv",
            },
            Spec = new ContainerVersionSpec
            {
                Container = new ContainerSpec { Name = "main" },
                Config = config,
                History = history ?? new HistorySpec(),
            },
        };

    public static RolloutStatus Rollout(string phase = RolloutPhase.Succeeded, string id = "1", params string[] workloads) =>
        new()
        {
            Id = id,
            Version = "2222222",
            Digest = "sha256:" + new string('a', 64),
            Phase = phase,
            StartedAt = Noon,
            FinishedAt = Noon.AddSeconds(30),
            Message = phase == RolloutPhase.Succeeded ? null : "it crashes",
            Workloads =
            [
                .. (workloads.Length == 0 ? ["app"] : workloads).Select(w => new WorkloadRolloutStatus
                {
                    Kind = "Deployment",
                    Name = w,
                    FromImage = "r.example/app:1111111",
                    ToImage = "r.example/app:2222222",
                    Phase = phase,
                }),
            ],
        };

    public async ValueTask DisposeAsync()
    {
        foreach (var owned in _owned)
            owned.Dispose();
        await _cluster.DisposeAsync();
    }
}
