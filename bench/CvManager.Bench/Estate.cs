using System.Collections.Concurrent;
using System.Globalization;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using CvManager.Sandbox;
using CvManager.Sandbox.Registry;
using CvManager.Unit;

namespace CvManager.Bench;

/// <summary>
/// A sandbox in this process, served over HTTP, with many ContainerVersions: five for each repository, each with a tag and a Deployment of its
/// own. It notes what is asked of it and what is changed in it.
/// </summary>
internal sealed class Estate : IAsyncDisposable
{
    public const int TagsPerRepository = 5;

    private const int Namespaces = 20;
    private const int SideBySide = 8;

    private readonly SandboxRegistry _registry;
    private readonly SandboxCluster _cluster;
    private readonly HttpClient _client;
    private readonly Notes _notes;
    private readonly int _pollSeconds;
    private readonly int _replicas;
    private int _version;

    private Estate(SandboxRegistry registry, SandboxCluster cluster, Notes notes, int count, int pollSeconds, int replicas, string kubeConfig)
    {
        (_registry, _cluster, _notes, Count, _pollSeconds, _replicas, KubeConfig) = (registry, cluster, notes, count, pollSeconds, replicas, kubeConfig);
        _client = new HttpClient(cluster.CreateHandler()) { BaseAddress = new Uri("http://cluster/") };
        _client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", cluster.Token);
    }

    /// <summary>ContainerVersions, Deployments, and followed tags, too.</summary>
    public int Count { get; }

    /// <summary>Path of a kubeconfig.</summary>
    public string KubeConfig { get; }

    /// <summary>Requests that came over HTTP so far.</summary>
    public RequestCounts Requests => _notes.Counts;

    /// <param name="count">ContainerVersions.</param>
    /// <param name="pollSeconds">Of each of them.</param>
    /// <param name="replicas">
    /// Of each Deployment. None where thousands are asked for: pods are no business of the controller's, and those of the sandbox would take the
    /// processor away from it.
    /// </param>
    public static async Task<Estate> StartAsync(int count, int pollSeconds, int replicas, CancellationToken cancellationToken)
    {
        Notes notes = new();
        SandboxRegistry registry = await SandboxRegistry.StartAsync(new SandboxRegistryOptions { RequestLog = notes.Note }, cancellationToken);
        SandboxCluster cluster = await SandboxCluster.StartAsync(
            new SandboxOptions { Images = registry, RequestLog = notes.Note, ChangeLog = notes.Note }, cancellationToken);
        string kubeConfig = Path.Combine(Path.GetTempPath(), $"cvm-bench-{Guid.NewGuid():n}.kubeconfig");
        await File.WriteAllTextAsync(kubeConfig, cluster.KubeConfigYaml, cancellationToken);
        Estate estate = new(registry, cluster, notes, count, pollSeconds, replicas, kubeConfig);
        await estate.FillAsync(cancellationToken);
        return estate;
    }

    /// <summary>The key of a resource.</summary>
    public static string KeyOf(int index) => $"{SpaceOf(index)}/{NameOf(index)}";

    /// <summary>Waits for each resource to say that it is up to date with what its tag stands for now.</summary>
    public Expectation UpToDate() => _notes.Expect(Enumerable.Range(0, Count).Select(KeyOf), (notes, expectation) => notes.UpToDate = expectation);

    /// <summary>Waits for each Deployment to get an image that it did not have.</summary>
    public Expectation Patched() => Patched(Enumerable.Range(0, Count));

    /// <inheritdoc cref="Patched()"/>
    public Expectation Patched(IEnumerable<int> which) => _notes.Expect(which.Select(KeyOf), (notes, expectation) => notes.Patched = expectation);

    /// <summary>Waits for each tag to be looked at.</summary>
    public Expectation LookedAt() => _notes.Expect(Enumerable.Range(0, Count).Select(i => $"{RepositoryOf(i)}:{TagOf(i)}"), (notes, expectation) => notes.LookedAt = expectation);

    /// <summary>Moves every tag onto a new version.</summary>
    public void MoveAll()
    {
        _version++;
        for (int index = 0; index < Count; index++)
            Move(index, _version);
    }

    /// <summary>Moves one tag onto a version of its repository, which is pushed where it is new.</summary>
    public void Move(int index, int version)
    {
        string repository = RepositoryOf(index);
        string name = $"a{version:0000000}";
        string digest = _registry.Digest(repository, name)
            ?? _registry.PushImage(repository, name, new Dictionary<string, string> { ["org.opencontainers.image.version"] = name });
        _notes.Expected[KeyOf(index)] = digest;
        _registry.Tag(repository, TagOf(index), digest);
    }

    public async ValueTask DisposeAsync()
    {
        File.Delete(KubeConfig);
        _client.Dispose();
        await _cluster.DisposeAsync();
        await _registry.DisposeAsync();
        if (_cluster.Errors.Count > 0)
            throw new AggregateException("The sandbox has a defect.", _cluster.Errors);
    }

    private static string SpaceOf(int index) => $"team-{index % Namespaces}";

    private static string NameOf(int index) => $"app-{index:00000}";

    private static string RepositoryOf(int index) => $"products/service-{index / TagsPerRepository:0000}";

    private static string TagOf(int index) => $"stage-{index % TagsPerRepository}";

    private async Task FillAsync(CancellationToken cancellationToken)
    {
        MoveAll();
        string definition = await File.ReadAllTextAsync(Path.Combine(RepositoryRoot.Path, "deploy", "crd.yaml"), cancellationToken);
        await PostAsync("apis/apiextensions.k8s.io/v1/customresourcedefinitions", definition, "application/yaml", cancellationToken);
        for (int i = 0; i < Namespaces; i++)
            await PostAsync("api/v1/namespaces", new JsonObject { ["metadata"] = new JsonObject { ["name"] = SpaceOf(i) } }.ToJsonString(), "application/json", cancellationToken);
        Expectation available = _notes.Expect(Enumerable.Range(0, Count).Select(KeyOf), (notes, expectation) => notes.Available = expectation);
        await Parallel.ForAsync(0, Count, new ParallelOptions { MaxDegreeOfParallelism = SideBySide, CancellationToken = cancellationToken }, async (index, token) =>
        {
            await PostAsync($"apis/apps/v1/namespaces/{SpaceOf(index)}/deployments", Deployment(index), "application/json", token);
            await PostAsync($"apis/custom.k8s.io/v1/namespaces/{SpaceOf(index)}/containerversions", Resource(index), "application/json", token);
        });
        await available.CompletedAsync(TimeSpan.FromMinutes(10), null, cancellationToken);
    }

    private async Task PostAsync(string path, string body, string mediaType, CancellationToken cancellationToken)
    {
        using StringContent content = new(body, Encoding.UTF8, mediaType);
        using HttpResponseMessage response = await _client.PostAsync(path, content, cancellationToken);
        if (!response.IsSuccessStatusCode)
            throw new InvalidOperationException($"{path}: {await response.Content.ReadAsStringAsync(cancellationToken)}");
    }

    private string Resource(int index) => $$$"""
        {
          "apiVersion": "custom.k8s.io/v1", "kind": "ContainerVersion", "metadata": {"name": "{{{NameOf(index)}}}"},
          "spec": {
            "imageRepo": "{{{_registry.Host}}}/{{{RepositoryOf(index)}}}", "tag": "{{{TagOf(index)}}}",
            "pollIntervalSeconds": {{{_pollSeconds}}}, "selector": {"cvapp": "{{{NameOf(index)}}}"}, "container": {"name": "app"}
          }
        }
        """;

    /// <summary>As large as they usually are.</summary>
    private string Deployment(int index) => $$$"""
        {
          "apiVersion": "apps/v1", "kind": "Deployment",
          "metadata": {"name": "{{{NameOf(index)}}}", "labels": {"cvapp": "{{{NameOf(index)}}}", "app.kubernetes.io/name": "service", "app.kubernetes.io/part-of": "products"}},
          "spec": {
            "replicas": {{{_replicas}}}, "revisionHistoryLimit": 1, "selector": {"matchLabels": {"app": "{{{NameOf(index)}}}"} },
            "template": {
              "metadata": {"labels": {"app": "{{{NameOf(index)}}}"} },
              "spec": {
                "containers": [
                  {
                    "name": "app", "image": "{{{_registry.Host}}}/{{{RepositoryOf(index)}}}:a{{{_version:0000000}}}@{{{_notes.Expected[KeyOf(index)]}}}",
                    "ports": [{"name": "http", "containerPort": 8080}],
                    "env": [{"name": "STAGE", "value": "{{{TagOf(index)}}}"}, {"name": "LOG_LEVEL", "value": "info"}, {"name": "DATABASE", "valueFrom": {"secretKeyRef": {"name": "database", "key": "url"} } }],
                    "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "256Mi"}},
                    "readinessProbe": {"httpGet": {"path": "/ready", "port": "http"}}, "livenessProbe": {"httpGet": {"path": "/alive", "port": "http"}}
                  }
                ]
              }
            }
          }
        }
        """;

    /// <summary>What the sandbox tells. Called by its threads, some of them with its lock held: quick, and awaits nothing.</summary>
    private sealed class Notes
    {
        private long _watches;
        private long _leases;
        private long _reads;
        private long _writes;
        private long _registry;

        /// <summary>The digest that each resource is to have.</summary>
        public ConcurrentDictionary<string, string> Expected { get; } = new(StringComparer.Ordinal);

        public Expectation? Available { get; set; }

        public Expectation? UpToDate { get; set; }

        public Expectation? Patched { get; set; }

        public Expectation? LookedAt { get; set; }

        public RequestCounts Counts => new(Interlocked.Read(ref _registry), Interlocked.Read(ref _watches), Interlocked.Read(ref _leases), Interlocked.Read(ref _reads), Interlocked.Read(ref _writes));

        public Expectation Expect(IEnumerable<string> keys, Action<Notes, Expectation> keep)
        {
            Expectation expectation = new(keys);
            keep(this, expectation);
            return expectation;
        }

        public void Note(RegistryRequestRecord request)
        {
            Interlocked.Increment(ref _registry);
            if (request is { Method: "HEAD", Kind: RegistryRequestKind.Manifest })
                LookedAt?.Meet($"{request.Repository}:{request.Reference}");
        }

        public void Note(SandboxRequestRecord request)
        {
            // Those who fill the cluster come without a name.
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
            string key = $"{change.Namespace}/{change.Name}";
            if (change.Resource == "deployments.apps")
            {
                if (change.After["status"]?["observedGeneration"]?.GetValue<long>() == 1 && (change.After["status"]!["availableReplicas"]?.GetValue<long>() ?? 0) == change.After["spec"]!["replicas"]!.GetValue<long>())
                    Available?.Meet(key);
                if (change.Before is not null && Image(change.Before) != Image(change.After))
                    Patched?.Meet(key);
            }
            else if (change.Resource == "containerversions.custom.k8s.io" && UpToDate is { } upToDate && change.After["status"] is JsonObject status
                && status["latest"]?["digest"]?.GetValue<string>() == Expected[key]
                && status["conditions"]?.AsArray().Any(c => c!["type"]!.GetValue<string>() == "Ready" && c["status"]!.GetValue<string>() == "True") == true)
            {
                upToDate.Meet(key);
            }
        }

        private static string? Image(JsonObject deployment) => deployment["spec"]?["template"]?["spec"]?["containers"]?[0]?["image"]?.GetValue<string>();
    }
}

/// <summary>Requests over HTTP.</summary>
/// <param name="Registry">To the registry.</param>
/// <param name="Watches">To the API server: watches begun.</param>
/// <param name="Leases">Of the leader election.</param>
/// <param name="Reads">Lists and single objects.</param>
/// <param name="Writes">All others.</param>
internal sealed record RequestCounts(long Registry, long Watches, long Leases, long Reads, long Writes)
{
    public static RequestCounts operator -(RequestCounts one, RequestCounts other) => new(
        one.Registry - other.Registry, one.Watches - other.Watches, one.Leases - other.Leases, one.Reads - other.Reads, one.Writes - other.Writes);

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Registry} registry; cluster: {Reads} reads, {Writes} writes, {Watches} watches, {Leases} lease");
}
