namespace CvManager.Sandbox.PowerShell;

/// <summary>A running sandbox: the output of Start-CvSandbox.</summary>
public sealed class CvSandbox
{
    /// <summary>The address of the API server.</summary>
    public string Server { get; init; } = "";

    /// <summary>The host and port of the registry, with which image references start.</summary>
    public string Registry { get; init; } = "";

    /// <summary>The path of the kubeconfig, which contains the credential of the sandbox. It is deleted with the sandbox.</summary>
    public string KubeConfig { get; init; } = "";

    /// <summary>The only context of the kubeconfig.</summary>
    public string Context { get; init; } = "";
}
