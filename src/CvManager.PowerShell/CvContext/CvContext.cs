namespace CvManager.PowerShell;

/// <summary>A context of a kubeconfig, as Get-CvContext shows it. Holds no credential.</summary>
public sealed record CvContext
{
    public string Name { get; init; } = "";

    /// <summary>True for the one that is used where none is named: the connected one, or else the kubeconfig's current one.</summary>
    public bool IsCurrent { get; init; }

    public string Cluster { get; init; } = "";

    /// <summary>Address of the API server.</summary>
    public string Server { get; init; } = "";

    /// <summary>The namespace that is meant where none is given.</summary>
    public string Namespace { get; init; } = "";

    /// <summary>The user's name in the kubeconfig.</summary>
    public string User { get; init; } = "";

    /// <summary>Path of the kubeconfig that was read; null for the usual one.</summary>
    public string? KubeConfig { get; init; }
}
