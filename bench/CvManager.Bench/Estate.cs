using System.Collections.Concurrent;
using System.Globalization;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using CvManager.Sandbox;
using CvManager.Sandbox.Registry;
using CvManager.Support;

namespace CvManager.Bench;

/// <summary>
/// A sandbox in this process, served over HTTP, with many ContainerVersions: five for each repository, each with its own tag and
/// Deployment. It records requests and changes.
/// </summary>
internal sealed class Estate : IAsyncDisposable
{
    public const int TagsPerRepository = 5;

    private const int Namespaces = 20;
    private const int Parallelism = 8;

    private readonly SandboxRegistry _registry;
    private readonly SandboxCluster _cluster;
    private readonly HttpClient _client;
    private readonly Recorder _recorder;
    private readonly int _pollSeconds;
    private readonly int _replicas;
    private int _version;

    private Estate(
        SandboxRegistry registry,
        SandboxCluster cluster,
        Recorder recorder,
        int count,
        int pollSeconds,
        int replicas,
        string kubeConfig
    )
    {
        (_registry, _cluster, _recorder, Count, _pollSeconds, _replicas, KubeConfig) = (
            registry,
            cluster,
            recorder,
            count,
            pollSeconds,
            replicas,
            kubeConfig
        );
        _client = new HttpClient(cluster.CreateHandler()) { BaseAddress = new Uri("http://cluster/") };
        _client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", cluster.Token);
    }

    /// <summary>The number of ContainerVersions, of Deployments, and of followed tags.</summary>
    public int Count { get; }

    /// <summary>The path of a kubeconfig.</summary>
    public string KubeConfig { get; }

    /// <summary>The requests received over HTTP so far.</summary>
    public RequestCounts Requests => _recorder.Counts;

    /// <param name="count">The number of ContainerVersions.</param>
    /// <param name="pollSeconds">The poll interval of each ContainerVersion.</param>
    /// <param name="replicas">
    /// The replicas of each Deployment. Use 0 for thousands of Deployments: the controller does not handle pods, and those of the sandbox
    /// would use the processor that the controller needs.
    /// </param>
    public static async Task<Estate> StartAsync(int count, int pollSeconds, int replicas, CancellationToken cancellationToken)
    {
        Recorder recorder = new();
        var registry = await SandboxRegistry.StartAsync(new SandboxRegistryOptions { RequestLog = recorder.Note }, cancellationToken);
        var cluster = await SandboxCluster.StartAsync(
            new SandboxOptions
            {
                Images = registry,
                RequestLog = recorder.Note,
                ChangeLog = recorder.Note,
            },
            cancellationToken
        );
        var kubeConfig = Path.Combine(Path.GetTempPath(), $"cvm-bench-{Guid.NewGuid():n}.kubeconfig");
        await File.WriteAllTextAsync(kubeConfig, cluster.KubeConfigYaml, cancellationToken);
        Estate estate = new(registry, cluster, recorder, count, pollSeconds, replicas, kubeConfig);
        await estate.FillAsync(cancellationToken);
        return estate;
    }

    /// <summary>The key (namespace/name) of a resource.</summary>
    public static string KeyOf(int index) => $"{NamespaceOf(index)}/{NameOf(index)}";

    /// <summary>Expects each resource to be Ready with the current digest of its tag.</summary>
    public Expectation UpToDate() =>
        _recorder.Expect(Enumerable.Range(0, Count).Select(KeyOf), (recorder, expectation) => recorder.UpToDate = expectation);

    /// <summary>Expects the image of each Deployment to change.</summary>
    public Expectation Patched() => Patched(Enumerable.Range(0, Count));

    /// <inheritdoc cref="Patched()"/>
    public Expectation Patched(IEnumerable<int> which) =>
        _recorder.Expect(which.Select(KeyOf), (recorder, expectation) => recorder.Patched = expectation);

    /// <summary>Expects each tag to be read.</summary>
    public Expectation TagsRead() =>
        _recorder.Expect(
            Enumerable.Range(0, Count).Select(i => $"{RepositoryOf(i)}:{TagOf(i)}"),
            (recorder, expectation) => recorder.TagsRead = expectation
        );

    /// <summary>Moves every tag to a new version.</summary>
    public void MoveAll()
    {
        _version++;
        for (var index = 0; index < Count; index++)
            Move(index, _version);
    }

    /// <summary>Moves one tag to a version of its repository. Pushes the version if it does not exist.</summary>
    public void Move(int index, int version)
    {
        var repository = RepositoryOf(index);
        var name = $"a{version:0000000}";
        var digest =
            _registry.Digest(repository, name)
            ?? _registry.PushImage(repository, name, new Dictionary<string, string> { ["org.opencontainers.image.version"] = name });
        _recorder.Expected[KeyOf(index)] = digest;
        _registry.Tag(repository, TagOf(index), digest);
    }

    public async ValueTask DisposeAsync()
    {
        File.Delete(KubeConfig);
        _client.Dispose();
        await _cluster.DisposeAsync();
        await _registry.DisposeAsync();
        if (_cluster.Errors.Count > 0)
            throw new AggregateException("The sandbox failed.", _cluster.Errors);
    }

    private static string NamespaceOf(int index) => $"team-{index % Namespaces}";

    private static string NameOf(int index) => $"app-{index:00000}";

    private static string RepositoryOf(int index) => $"products/service-{index / TagsPerRepository:0000}";

    private static string TagOf(int index) => $"stage-{index % TagsPerRepository}";

    private async Task FillAsync(CancellationToken cancellationToken)
    {
        MoveAll();
        var definition = await File.ReadAllTextAsync(Path.Combine(RepositoryRoot.Path, "deploy", "crd.yaml"), cancellationToken);
        await PostAsync("apis/apiextensions.k8s.io/v1/customresourcedefinitions", definition, "application/yaml", cancellationToken);
        for (var i = 0; i < Namespaces; i++)
            await PostAsync(
                "api/v1/namespaces",
                new JsonObject { ["metadata"] = new JsonObject { ["name"] = NamespaceOf(i) } }.ToJsonString(),
                "application/json",
                cancellationToken
            );
        var available = _recorder.Expect(
            Enumerable.Range(0, Count).Select(KeyOf),
            (recorder, expectation) => recorder.Available = expectation
        );
        await Parallel.ForAsync(
            0,
            Count,
            new ParallelOptions { MaxDegreeOfParallelism = Parallelism, CancellationToken = cancellationToken },
            async (index, token) =>
            {
                await PostAsync($"apis/apps/v1/namespaces/{NamespaceOf(index)}/deployments", Deployment(index), "application/json", token);
                await PostAsync(
                    $"apis/custom.k8s.io/v1/namespaces/{NamespaceOf(index)}/containerversions",
                    Resource(index),
                    "application/json",
                    token
                );
            }
        );
        await available.CompletedAsync(TimeSpan.FromMinutes(10), null, cancellationToken);
    }

    private async Task PostAsync(string path, string body, string mediaType, CancellationToken cancellationToken)
    {
        using StringContent content = new(body, Encoding.UTF8, mediaType);
        using var response = await _client.PostAsync(path, content, cancellationToken);
        if (!response.IsSuccessStatusCode)
            throw new InvalidOperationException($"{path}: {await response.Content.ReadAsStringAsync(cancellationToken)}");
    }

    private string Resource(int index) =>
        $$$"""
            {
              "apiVersion": "custom.k8s.io/v1", "kind": "ContainerVersion", "metadata": {"name": "{{{NameOf(index)}}}"},
              "spec": {
                "imageRepo": "{{{_registry.Host}}}/{{{RepositoryOf(index)}}}", "tag": "{{{TagOf(index)}}}",
                "pollIntervalSeconds": {{{_pollSeconds}}}, "selector": {"cvapp": "{{{NameOf(index)}}}"}, "container": {"name": "app"}
              }
            }
            """;

    /// <summary>A Deployment of a typical size.</summary>
    private string Deployment(int index) =>
        $$$"""
            {
              "apiVersion": "apps/v1", "kind": "Deployment",
              "metadata": {"name": "{{{NameOf(index)}}}", "labels": {"cvapp": "{{{NameOf(
                index
            )}}}", "app.kubernetes.io/name": "service", "app.kubernetes.io/part-of": "products"}},
              "spec": {
                "replicas": {{{_replicas}}}, "revisionHistoryLimit": 1, "selector": {"matchLabels": {"app": "{{{NameOf(index)}}}"} },
                "template": {
                  "metadata": {"labels": {"app": "{{{NameOf(index)}}}"} },
                  "spec": {
                    "containers": [
                      {
                        "name": "app", "image": "{{{_registry.Host}}}/{{{RepositoryOf(
                index
            )}}}:a{{{_version:0000000}}}@{{{_recorder.Expected[KeyOf(index)]}}}",
                        "ports": [{"name": "http", "containerPort": 8080}],
                        "env": [{"name": "STAGE", "value": "{{{TagOf(
                index
            )}}}"}, {"name": "LOG_LEVEL", "value": "info"}, {"name": "DATABASE", "valueFrom": {"secretKeyRef": {"name": "database", "key": "url"} } }],
                        "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "256Mi"}},
                        "readinessProbe": {"httpGet": {"path": "/ready", "port": "http"}}, "livenessProbe": {"httpGet": {"path": "/alive", "port": "http"}}
                      }
                    ]
                  }
                }
              }
            }
            """;

    /// <summary>Records events of the sandbox. Called on its threads, some of which hold its lock, so it must not block.</summary>
    private sealed class Recorder
    {
        private long _watches;
        private long _leases;
        private long _reads;
        private long _writes;
        private long _registry;

        /// <summary>The expected digest of each resource.</summary>
        public ConcurrentDictionary<string, string> Expected { get; } = new(StringComparer.Ordinal);

        public Expectation? Available { get; set; }

        public Expectation? UpToDate { get; set; }

        public Expectation? Patched { get; set; }

        public Expectation? TagsRead { get; set; }

        public RequestCounts Counts =>
            new(
                Interlocked.Read(ref _registry),
                Interlocked.Read(ref _watches),
                Interlocked.Read(ref _leases),
                Interlocked.Read(ref _reads),
                Interlocked.Read(ref _writes)
            );

        public Expectation Expect(IEnumerable<string> keys, Action<Recorder, Expectation> assign)
        {
            Expectation expectation = new(keys);
            assign(this, expectation);
            return expectation;
        }

        public void Note(RegistryRequestRecord request)
        {
            Interlocked.Increment(ref _registry);
            if (request is { Method: "HEAD", Kind: RegistryRequestKind.Manifest })
                TagsRead?.Meet($"{request.Repository}:{request.Reference}");
        }

        public void Note(SandboxRequestRecord request)
        {
            // Requests of this class have no user agent.
            if (request.UserAgent.Length == 0)
                return;
            if (request.PathAndQuery.Contains("watch=", StringComparison.Ordinal))
                Interlocked.Increment(ref _watches);
            else if (request.PathAndQuery.Contains("/leases", StringComparison.Ordinal))
                Interlocked.Increment(ref _leases);
            else if (request.IsWrite)
                Interlocked.Increment(ref _writes);
            else
                Interlocked.Increment(ref _reads);
        }

        public void Note(SandboxChange change)
        {
            if (change.After is null)
                return;
            var key = $"{change.Namespace}/{change.Name}";
            if (change.Resource == "deployments.apps")
            {
                if (
                    change.After["status"]?["observedGeneration"]?.GetValue<long>() == 1
                    && (change.After["status"]!["availableReplicas"]?.GetValue<long>() ?? 0)
                        == change.After["spec"]!["replicas"]!.GetValue<long>()
                )
                    Available?.Meet(key);
                if (change.Before is not null && Image(change.Before) != Image(change.After))
                    Patched?.Meet(key);
            }
            else if (
                change.Resource == "containerversions.custom.k8s.io"
                && UpToDate is { } upToDate
                && change.After["status"] is JsonObject status
                && status["latest"]?["digest"]?.GetValue<string>() == Expected[key]
                && status["conditions"]
                    ?.AsArray()
                    .Any(c => c!["type"]!.GetValue<string>() == "Ready" && c["status"]!.GetValue<string>() == "True") == true
            )
            {
                upToDate.Meet(key);
            }
        }

        private static string? Image(JsonObject deployment) =>
            deployment["spec"]?["template"]?["spec"]?["containers"]?[0]?["image"]?.GetValue<string>();
    }
}

/// <summary>Numbers of HTTP requests.</summary>
/// <param name="Registry">Requests to the registry.</param>
/// <param name="Watches">Watches started on the API server.</param>
/// <param name="Leases">Requests of leader election.</param>
/// <param name="Reads">Reads of lists and single objects.</param>
/// <param name="Writes">All other requests.</param>
internal sealed record RequestCounts(long Registry, long Watches, long Leases, long Reads, long Writes)
{
    public static RequestCounts operator -(RequestCounts left, RequestCounts right) =>
        new(
            left.Registry - right.Registry,
            left.Watches - right.Watches,
            left.Leases - right.Leases,
            left.Reads - right.Reads,
            left.Writes - right.Writes
        );

    public override string ToString() =>
        string.Create(
            CultureInfo.InvariantCulture,
            $"{Registry} registry; cluster: {Reads} reads, {Writes} writes, {Watches} watches, {Leases} lease"
        );
}
