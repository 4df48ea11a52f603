using System.Diagnostics.CodeAnalysis;
using CvManager.Cluster;

namespace CvManager.Integration;

/// <summary>The addresses of the real servers. .ci/run starts them and sets these environment variables.</summary>
internal static class Servers
{
    /// <summary>The path of a kubeconfig with administrator permissions.</summary>
    public static string KubeConfig => Require("CVM_KUBECONFIG");

    /// <summary>The path of a kubectl that matches the control plane; the default is the one on the PATH.</summary>
    public static string KubeCtl => Environment.GetEnvironmentVariable("CVM_KUBECTL") ?? "kubectl";

    /// <summary>The path of a recent kubectl.</summary>
    public static string RecentKubeCtl => Require("CVM_KUBECTL_RECENT");

    /// <summary>The path of a kubeconfig for the API server for custom resources of a recent Kubernetes (tests/servers/crds).</summary>
    public static string CustomResourcesKubeConfig => Require("CVM_CRDS_KUBECONFIG");

    /// <summary>The path of the renderer for Helm charts (tests/servers/helm).</summary>
    public static string HelmRender => Require("CVM_HELM_RENDER");

    /// <summary>The path of the audit log of the API server, if it was started with AUDIT=1.</summary>
    public static string AuditLog => Require("CVM_AUDIT_LOG");

    /// <summary>host:port of an OCI registry over plain HTTP, without a login.</summary>
    public static string Registry => Require("CVM_REGISTRY");

    /// <summary>host:port of an OCI registry that requires user and password.</summary>
    public static string RegistryWithLogin => Require("CVM_REGISTRY_LOGIN");

    public static string RegistryUser => Require("CVM_REGISTRY_USER");

    public static string RegistryPassword => Require("CVM_REGISTRY_PASSWORD");

    /// <summary>The address of a server that emulates AWS (moto).</summary>
    public static string AwsEndpoint => Require("CVM_AWS_ENDPOINT");

    /// <summary>
    /// Creates a client for the server of a kubeconfig, with its token or client certificate. The client owns its connection.
    /// </summary>
    public static async Task<HttpClient> ConnectAsync(string kubeConfig)
    {
        var file = KubeConfigFile.Read([new FileInfo(kubeConfig)]);
        var access = ClusterAccess.OfContext(file, file.CurrentContext!, kubeConfig, TimeProvider.System);
        HttpClient client = new(access.Handler) { BaseAddress = access.Server, Timeout = Timeout.InfiniteTimeSpan };
        client.DefaultRequestHeaders.Authorization = await access.Credentials.GetAsync(CancellationToken.None);
        return client;
    }

    [SuppressMessage("Design", "CA1065", Justification = "A test that needs a server cannot go on without it.")]
    private static string Require(string name) =>
        Environment.GetEnvironmentVariable(name) is { Length: > 0 } value
            ? value
            : throw new InvalidOperationException($"{name} is not set: start the servers of tests/servers, or run .ci/run.");
}
