namespace CvManager.PowerShell;

/// <summary>A Kubernetes object that the controller needs, and the outcome of its installation.</summary>
public sealed class CvControllerObject
{
    /// <summary>The kind, for example CustomResourceDefinition.</summary>
    public string Kind { get; init; } = "";

    public string Name { get; init; } = "";

    /// <summary>Created, Updated, or Unchanged.</summary>
    public string Outcome { get; init; } = "";

    /// <summary>The address of the API server.</summary>
    public string Server { get; init; } = "";
}
