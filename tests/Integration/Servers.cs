using System.Diagnostics.CodeAnalysis;

namespace CvManager.Integration;

/// <summary>Where the real servers are; .ci/run starts them and sets these variables of the environment.</summary>
internal static class Servers
{
    /// <summary>Path of a kubeconfig whose current context may do everything.</summary>
    public static string KubeConfig => Require("CVM_KUBECONFIG");

    /// <summary>kubectl of the control plane's age, or the one on the PATH.</summary>
    public static string KubeCtl => Environment.GetEnvironmentVariable("CVM_KUBECTL") ?? "kubectl";

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

    [SuppressMessage("Design", "CA1065", Justification = "A test that needs a server cannot go on without it.")]
    private static string Require(string name) =>
        Environment.GetEnvironmentVariable(name) is { Length: > 0 } value ? value
        : throw new InvalidOperationException($"{name} is not set: start the servers of tests/servers, or run .ci/run.");
}
