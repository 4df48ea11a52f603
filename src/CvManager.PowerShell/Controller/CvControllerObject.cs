namespace CvManager.PowerShell;

/// <summary>One of the Kubernetes objects that the controller needs, and what became of it.</summary>
public sealed record CvControllerObject
{
    /// <summary>CustomResourceDefinition, for example.</summary>
    public string Kind { get; init; } = "";

    public string Name { get; init; } = "";

    /// <summary>Created, Updated, or Unchanged.</summary>
    public string Outcome { get; init; } = "";

    /// <summary>Address of the API server.</summary>
    public string Server { get; init; } = "";
}
