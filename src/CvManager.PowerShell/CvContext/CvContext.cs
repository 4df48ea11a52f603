namespace CvManager.PowerShell;

/// <summary>A context of a kubeconfig: the output of Get-CvContext. Contains no credentials.</summary>
public sealed class CvContext
{
    public string Name { get; init; } = "";

    /// <summary>True for the default context: the connected one, else the current context of the kubeconfig.</summary>
    public bool IsCurrent { get; init; }

    public string Cluster { get; init; } = "";

    /// <summary>The address of the API server.</summary>
    public string Server { get; init; } = "";

    /// <summary>The default namespace.</summary>
    public string Namespace { get; init; } = "";

    /// <summary>The name of the user in the kubeconfig.</summary>
    public string User { get; init; } = "";

    /// <summary>The path of the kubeconfig; null if $env:KUBECONFIG has several files.</summary>
    public string? KubeConfig { get; init; }
}
