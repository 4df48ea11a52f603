using System.Security.Cryptography;
using System.Text;
using CvManager.Sandbox.Api;
using CvManager.Sandbox.Controllers;
using CvManager.Sandbox.Kinds;
using CvManager.Sandbox.Storage;
using CvManager.Sandbox.Transport;

namespace CvManager.Sandbox;

/// <summary>
/// An in-process Kubernetes cluster for demos and tests: an API server that kubectl and client libraries can use, controllers, and a
/// kubelet that simulates containers. It keeps everything in memory and is not for production use. Thread-safe.
/// </summary>
public sealed class SandboxCluster : IAsyncDisposable
{
    private readonly SandboxOptions _options;
    private readonly ObjectStore _store;
    private readonly EventLoop _loop;
    private readonly Kubelet _kubelet;
    private readonly ApiServer _server;
    private readonly ApiListener? _listener;

    private SandboxCluster(SandboxOptions options)
    {
        _options = options;
        Token = options.Token ?? Convert.ToHexString(RandomNumberGenerator.GetBytes(16));
        _store = new ObjectStore(options.WatchHistory);
        _loop = new EventLoop(options.TimeProvider);
        var identifiers = new Identifiers(options.Seed);
        var catalog = new KindCatalog(new BuiltInKinds(identifiers));
        var writer = new ObjectWriter(_store, identifiers, options.TimeProvider);
        var reader = new ObjectReader(_store, identifiers, _loop, options);
        var cluster = new ClusterState(options, _store, catalog, writer, _loop, identifiers);
        lock (_store.Gate)
        {
            if (options.ChangeLog is not null)
                _store.Observe(LogChange);
            var owners = new OwnerIndex(_store);
            var events = new EventRecorder(cluster);
            var pods = new PodControl(cluster, owners, events);
            _ = new CustomResourceController(cluster);
            _ = new NamespaceController(cluster);
            _ = new GarbageCollector(cluster, owners);
            _ = new DeploymentController(pods);
            _ = new ReplicaSetController(pods);
            _ = new StatefulSetController(pods);
            _ = new DaemonSetController(pods);
            _ = new JobController(pods);
            _ = new CronJobController(pods);
            _ = new Scheduler(cluster, events);
            _kubelet = new Kubelet(cluster, events);
            InitialObjects.Create(cluster);
        }
        _server = new ApiServer(
            options,
            Token,
            _store,
            catalog,
            reader,
            new ObjectRequests(_store, writer, reader),
            new Subresources(writer, reader, Kubelet.Log)
        );
        _listener = options.Listen ? ApiListener.Start(options.Port, _server) : null;
    }

    /// <summary>Null if the cluster does not listen.</summary>
    public Uri? Server => _listener?.Server;

    /// <summary>The bearer token that requests must contain; empty if none is required.</summary>
    public string Token { get; }

    /// <summary>A kubeconfig for <see cref="Server"/> with one context, <see cref="SandboxOptions.Name"/>.</summary>
    public string KubeConfigYaml =>
        $$"""
            apiVersion: v1
            kind: Config
            clusters:
            - name: {{_options.Name}}
              cluster:
                server: {{Server?.ToString().TrimEnd('/') ?? "http://" + _options.Name}}{{Authority}}
            users:
            - name: {{_options.Name}}
              user:
                token: "{{Token}}"
            contexts:
            - name: {{_options.Name}}
              context:
                cluster: {{_options.Name}}
                user: {{_options.Name}}
                namespace: default
            current-context: {{_options.Name}}

            """;

    /// <summary>The PEM of the certificate authority of <see cref="Server"/>; null if the cluster does not listen.</summary>
    public string? AuthorityPem => _listener?.AuthorityPem;

    private string Authority =>
        AuthorityPem is string pem ? $"\n    certificate-authority-data: {Convert.ToBase64String(Encoding.ASCII.GetBytes(pem))}" : "";

    /// <summary>Starts a cluster.</summary>
    /// <exception cref="System.Net.Sockets.SocketException">The port is in use.</exception>
    public static Task<SandboxCluster> StartAsync(SandboxOptions options, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(options);
        cancellationToken.ThrowIfCancellationRequested();
        return Task.FromResult(new SandboxCluster(options));
    }

    /// <summary>
    /// Creates a handler that sends requests to the cluster without a socket, whatever their host. Create one handler per client; each
    /// has its own faults. Requests must contain the token as over HTTP.
    /// </summary>
    public HttpMessageHandler CreateHandler(FaultInjector? faults = null) =>
        new InProcessHandler(_server, _options.TimeProvider, _loop, faults);

    /// <summary>Internal errors of the cluster. Empty unless the sandbox has a defect.</summary>
    public IReadOnlyCollection<Exception> Errors => _loop.Errors;

    /// <summary>Discards the history of changes, like etcd compaction. Watches from older versions get a 410 error.</summary>
    public void CompactHistory()
    {
        lock (_store.Gate)
        {
            foreach (var table in _store.Tables)
                table.Compact(_store.Revision);
        }
    }

    private void LogChange(StoreChange change) =>
        _options.ChangeLog!(
            new SandboxChange(
                _options.TimeProvider.GetUtcNow(),
                change.Revision,
                change.Table.Type.QualifiedName,
                change.Current.Namespace,
                change.Current.Name,
                change.Previous?.Body,
                change.Kind == ChangeKind.Deleted ? null : change.Current.Body
            )
        );

    public async ValueTask DisposeAsync()
    {
        _loop.Dispose();
        if (_listener is not null)
            await _listener.DisposeAsync();
        lock (_store.Gate)
        {
            _kubelet.Dispose();
            foreach (var table in _store.Tables)
                table.EndWatches();
        }
    }
}
