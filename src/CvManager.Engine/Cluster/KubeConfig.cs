using System.Text.Json.Nodes;
using System.Text.Json.Serialization;

namespace CvManager.Cluster;

/// <summary>
/// A kubeconfig (client-go/tools/clientcmd/api/v1/types.go) with the fields that affect this client; preferences and most extensions do
/// not. Prints no secret.
/// </summary>
internal sealed class KubeConfig
{
    public string? Kind { get; init; }

    [JsonPropertyName("current-context")]
    public string? CurrentContext { get; init; }

    public IReadOnlyList<NamedKubeContext>? Contexts { get; init; }

    public IReadOnlyList<NamedKubeCluster>? Clusters { get; init; }

    public IReadOnlyList<NamedKubeUser>? Users { get; init; }
}

internal sealed class NamedKubeContext
{
    public string Name { get; init; } = "";

    public KubeContextDetails? Context { get; init; }
}

internal sealed class KubeContextDetails
{
    public string? Cluster { get; init; }

    public string? User { get; init; }

    public string? Namespace { get; init; }
}

internal sealed class NamedKubeCluster
{
    public string Name { get; init; } = "";

    public KubeCluster? Cluster { get; init; }
}

internal sealed class KubeCluster
{
    public string? Server { get; init; }

    [JsonPropertyName("tls-server-name")]
    public string? TlsServerName { get; init; }

    [JsonPropertyName("insecure-skip-tls-verify")]
    public bool? InsecureSkipTlsVerify { get; init; }

    /// <summary>An absolute path after <see cref="KubeConfigFile"/> has read the file.</summary>
    [JsonPropertyName("certificate-authority")]
    public string? CertificateAuthority { get; set; }

    [JsonPropertyName("certificate-authority-data")]
    public string? CertificateAuthorityData { get; init; }

    [JsonPropertyName("proxy-url")]
    public string? ProxyUrl { get; init; }

    [JsonPropertyName("disable-compression")]
    public bool? DisableCompression { get; init; }

    public IReadOnlyList<KubeExtension>? Extensions { get; init; }
}

internal sealed class KubeExtension
{
    public string Name { get; init; } = "";

    public JsonNode? Extension { get; init; }
}

internal sealed class NamedKubeUser
{
    public string Name { get; init; } = "";

    public KubeUser? User { get; init; }
}

internal sealed class KubeUser
{
    /// <summary>An absolute path after <see cref="KubeConfigFile"/> has read the file.</summary>
    [JsonPropertyName("client-certificate")]
    public string? ClientCertificate { get; set; }

    [JsonPropertyName("client-certificate-data")]
    public string? ClientCertificateData { get; init; }

    /// <summary>An absolute path after <see cref="KubeConfigFile"/> has read the file.</summary>
    [JsonPropertyName("client-key")]
    public string? ClientKey { get; set; }

    [JsonPropertyName("client-key-data")]
    public string? ClientKeyData { get; init; }

    public string? Token { get; init; }

    /// <summary>An absolute path after <see cref="KubeConfigFile"/> has read the file.</summary>
    public string? TokenFile { get; set; }

    public string? Username { get; init; }

    public string? Password { get; init; }

    public string? As { get; init; }

    [JsonPropertyName("as-uid")]
    public string? AsUid { get; init; }

    [JsonPropertyName("as-groups")]
    public IReadOnlyList<string>? AsGroups { get; init; }

    [JsonPropertyName("as-user-extra")]
    public IReadOnlyDictionary<string, IReadOnlyList<string>>? AsUserExtra { get; init; }

    [JsonPropertyName("auth-provider")]
    public KubeAuthProvider? AuthProvider { get; init; }

    public KubeExec? Exec { get; init; }
}

internal sealed class KubeAuthProvider
{
    public string? Name { get; init; }
}

internal sealed class KubeExec
{
    /// <summary>A name to find on the PATH, or an absolute path.</summary>
    public string? Command { get; set; }

    public IReadOnlyList<string>? Args { get; init; }

    public IReadOnlyList<KubeExecVariable>? Env { get; init; }

    public string? ApiVersion { get; init; }

    public string? InstallHint { get; init; }

    public bool? ProvideClusterInfo { get; init; }

    public string? InteractiveMode { get; init; }
}

internal sealed class KubeExecVariable
{
    public string Name { get; init; } = "";

    public string? Value { get; init; }
}
