using System.Security.Cryptography;
using CvManager.Sandbox.Api;
using CvManager.Sandbox.Http;

namespace CvManager.Sandbox;

/// <summary>
/// A Kubernetes cluster in this process, for trying out and for tests: an API server that kubectl and client libraries can use,
/// controllers, and a kubelet that only pretends to run containers. It keeps everything in memory and is no production cluster.
/// Thread-safe.
/// </summary>
public sealed class SandboxCluster : IAsyncDisposable
{
    /// <summary>The name of context, cluster and user in <see cref="KubeConfigYaml"/>.</summary>
    public const string ContextName = "cvm-sandbox";

    private readonly SandboxOptions options;
    private readonly ApiServer server;
    private readonly LoopbackListener? listener;

    private SandboxCluster(SandboxOptions options)
    {
        this.options = options;
        Token = options.Token ?? Convert.ToHexString(RandomNumberGenerator.GetBytes(16));
        server = new ApiServer(options, Token);
        listener = options.Listen
            ? LoopbackListener.Start(options.Port, (context, stopping) => ApiExchange.ServeAsync(server, context, stopping))
            : null;
    }

    /// <summary>Null where the cluster does not listen.</summary>
    public Uri? Server => listener?.Server;

    /// <summary>The bearer token that requests must carry; empty where none is needed.</summary>
    public string Token { get; }

    /// <summary>A kubeconfig for <see cref="Server"/>, with one context, <see cref="ContextName"/>.</summary>
    public string KubeConfigYaml => $$"""
        apiVersion: v1
        kind: Config
        clusters:
        - name: {{ContextName}}
          cluster:
            server: {{Server?.ToString().TrimEnd('/') ?? "http://" + ContextName}}
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

    /// <summary>Starts a cluster.</summary>
    /// <exception cref="System.Net.HttpListenerException">The given port is taken.</exception>
    public static Task<SandboxCluster> StartAsync(SandboxOptions options, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(options);
        cancellationToken.ThrowIfCancellationRequested();
        return Task.FromResult(new SandboxCluster(options));
    }

    /// <summary>
    /// The cluster without a socket: requests to any host name are answered by it. Each client gets its own handler, and with it its
    /// own faults. Requests carry the token as over HTTP.
    /// </summary>
    public HttpMessageHandler CreateHandler(FaultInjector? faults = null) => new InProcessHandler(server, options.TimeProvider, faults);

    public async ValueTask DisposeAsync()
    {
        if (listener is not null)
            await listener.DisposeAsync().ConfigureAwait(false);
    }
}
