using System.Diagnostics.CodeAnalysis;
using CvManager.Cluster;

namespace CvManager.Integration;

/// <summary>Where the real servers are; .ci/run starts them and sets these variables of the environment.</summary>
internal static class Servers
{
    /// <summary>Path of a kubeconfig whose current context may do everything.</summary>
    public static string KubeConfig => Require("CVM_KUBECONFIG");

    /// <summary>kubectl of the control plane's age, or the one on the PATH.</summary>
    public static string KubeCtl => Environment.GetEnvironmentVariable("CVM_KUBECTL") ?? "kubectl";

    /// <summary>kubectl of a recent Kubernetes.</summary>
    public static string RecentKubeCtl => Require("CVM_KUBECTL_RECENT");

    /// <summary>Path of a kubeconfig of the API server of custom resources of a recent Kubernetes (tests/servers/crds).</summary>
    public static string CustomResourcesKubeConfig => Require("CVM_CRDS_KUBECONFIG");

    /// <summary>The API server's audit log, where the control plane was started with AUDIT=1.</summary>
    public static string AuditLog => Require("CVM_AUDIT_LOG");

    /// <summary>host:port of an OCI registry over plain HTTP, without a login.</summary>
    public static string Registry => Require("CVM_REGISTRY");

    /// <summary>host:port of one that asks for user and password.</summary>
    public static string RegistryWithLogin => Require("CVM_REGISTRY_LOGIN");

    public static string RegistryUser => Require("CVM_REGISTRY_USER");

    public static string RegistryPassword => Require("CVM_REGISTRY_PASSWORD");

    /// <summary>Address of a server that emulates AWS (moto).</summary>
    public static string AwsEndpoint => Require("CVM_AWS_ENDPOINT");

    /// <summary>A client with a kubeconfig's server as base address and its credentials, whether a token or a certificate. It owns its connection.</summary>
    public static async Task<HttpClient> ConnectAsync(string kubeConfig)
    {
        KubeConfig file = KubeConfigFile.Read([new FileInfo(kubeConfig)]);
        ClusterAccess access = ClusterAccess.OfContext(file, file.CurrentContext!, kubeConfig, TimeProvider.System);
        HttpClient client = new(access.Handler) { BaseAddress = access.Server, Timeout = Timeout.InfiniteTimeSpan };
        client.DefaultRequestHeaders.Authorization = await access.Credentials.GetAsync(CancellationToken.None);
        return client;
    }

    [SuppressMessage("Design", "CA1065", Justification = "A test that needs a server cannot go on without it.")]
    private static string Require(string name) =>
        Environment.GetEnvironmentVariable(name) is { Length: > 0 } value ? value
        : throw new InvalidOperationException($"{name} is not set: start the servers of tests/servers, or run .ci/run.");
}
