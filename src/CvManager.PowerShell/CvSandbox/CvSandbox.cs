namespace CvManager.PowerShell;

/// <summary>A running sandbox, as Start-CvSandbox gives it.</summary>
public sealed record CvSandbox
{
    /// <summary>Address of the API server.</summary>
    public string Server { get; init; } = "";

    /// <summary>What image references begin with: host and port of the registry.</summary>
    public string Registry { get; init; } = "";

    /// <summary>Path of the kubeconfig, which holds the sandbox's credential; it goes with the sandbox.</summary>
    public string KubeConfig { get; init; } = "";

    /// <summary>The kubeconfig's one context.</summary>
    public string Context { get; init; } = "";
}
