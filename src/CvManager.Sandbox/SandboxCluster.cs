using System.Security.Cryptography;
using System.Text;
using CvManager.Sandbox.Api;
using CvManager.Sandbox.Controllers;
using CvManager.Sandbox.Http;
using CvManager.Sandbox.Kinds;
using CvManager.Sandbox.Storage;

namespace CvManager.Sandbox;

/// <summary>
/// An in-process Kubernetes cluster for demos and tests: an API server that kubectl and client libraries can use, controllers, and a
/// kubelet that simulates containers. It keeps everything in memory and is not for production use. Thread-safe.
/// </summary>
public sealed class SandboxCluster : IAsyncDisposable
{
    /// <summary>The name of context, cluster and user in <see cref="KubeConfigYaml"/>.</summary>
    public const string ContextName = "cvm-sandbox";

    private readonly SandboxOptions options;
    private readonly ObjectStore store;
    private readonly EventLoop loop;
    private readonly Kubelet kubelet;
    private readonly ApiServer server;
    private readonly ApiListener? listener;

    private SandboxCluster(SandboxOptions options)
    {
        this.options = options;
        Token = options.Token ?? Convert.ToHexString(RandomNumberGenerator.GetBytes(16));
        store = new ObjectStore(options.WatchHistory);
        loop = new EventLoop(options.TimeProvider);
        var identifiers = new Identifiers(options.Seed);
        var catalog = new KindCatalog(new BuiltInKinds(identifiers));
        var writer = new ObjectWriter(store, identifiers, options.TimeProvider);
        var reader = new ObjectReader(store, identifiers, loop, options);
        var cluster = new ClusterState(options, store, catalog, writer, loop, identifiers);
        lock (store.Gate)
        {
            if (options.ChangeLog is not null)
                store.Observe(LogChange);
            var owners = new OwnerIndex(store);
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
            kubelet = new Kubelet(cluster, events);
            InitialObjects.Create(cluster);
        }
        server = new ApiServer(
            options,
            Token,
            store,
            catalog,
            reader,
            new ObjectRequests(store, writer, reader),
            new Subresources(writer, reader, Kubelet.Log)
        );
        listener = options.Listen ? ApiListener.Start(options.Port, server) : null;
    }

    /// <summary>Null if the cluster does not listen.</summary>
    public Uri? Server => listener?.Server;

    /// <summary>The bearer token that requests must contain; empty if none is required.</summary>
    public string Token { get; }

    /// <summary>A kubeconfig for <see cref="Server"/> with one context, <see cref="ContextName"/>.</summary>
    public string KubeConfigYaml =>
        $$"""
            apiVersion: v1
            kind: Config
            clusters:
            - name: {{ContextName}}
              cluster:
                server: {{Server?.ToString().TrimEnd('/') ?? "http://" + ContextName}}{{Authority}}
            users:
            - name: {{ContextName}}
              user:
                token: "{{Token}}"
            contexts:
            - name: {{ContextName}}
              context:
                cluster: {{ContextName}}
                user: {{ContextName}}
                namespace: default
            current-context: {{ContextName}}

            """;

    /// <summary>The PEM of the certificate authority of <see cref="Server"/>; null if the cluster does not listen.</summary>
    public string? AuthorityPem => listener?.AuthorityPem;

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
        new InProcessHandler(server, options.TimeProvider, loop, faults);

    /// <summary>Internal errors of the cluster. Empty unless the sandbox has a defect.</summary>
    public IReadOnlyCollection<Exception> Errors => loop.Errors;

    /// <summary>Discards the history of changes, like etcd compaction. Watches from older versions get a 410 error.</summary>
    public void CompactHistory()
    {
        lock (store.Gate)
        {
            foreach (var table in store.Tables)
                table.Compact(store.Revision);
        }
    }

    private void LogChange(StoreChange change) =>
        options.ChangeLog!(
            new SandboxChange(
                options.TimeProvider.GetUtcNow(),
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
        loop.Dispose();
        if (listener is not null)
            await listener.DisposeAsync();
        lock (store.Gate)
        {
            kubelet.Dispose();
            foreach (var table in store.Tables)
                table.EndWatches();
        }
    }
}
