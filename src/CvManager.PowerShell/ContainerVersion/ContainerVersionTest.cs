namespace CvManager.PowerShell;

/// <summary>The result for one ContainerVersion: the output of Test-ContainerVersion.</summary>
public sealed class ContainerVersionTest
{
    /// <summary>Empty if the manifest has no namespace.</summary>
    public string Namespace { get; init; } = "";

    public string Name { get; init; } = "";

    /// <summary>True if there are no problems.</summary>
    public bool Valid => Problems.Count == 0;

    public Listed<ContainerVersionProblem> Problems { get; init; } = [];

    /// <summary>Describes what a reconcile would do now; null for manifests, and if there are problems.</summary>
    public string? Plan { get; init; }

    /// <summary>The problems, or if there are none the plan.</summary>
    public string Message => Valid ? Plan ?? "" : Problems.ToString();

    /// <summary>The changes that a reconcile would make now; empty for manifests.</summary>
    public Listed<CvPlannedChange> Change { get; init; } = [];

    /// <summary>The path of the file, <c>pipeline</c>, or <c>cluster</c>.</summary>
    public string Source { get; init; } = "";

    public override string ToString() => Namespace.Length > 0 ? $"{Namespace}/{Name}" : Name;
}

/// <summary>A problem, and how to fix it.</summary>
public sealed class ContainerVersionProblem
{
    /// <summary>The path of the field, as in error messages of Kubernetes; empty if the problem is not about one field.</summary>
    public string Field { get; init; } = "";

    /// <summary>The value as JSON; empty if the field is missing.</summary>
    public string Value { get; init; } = "";

    public string Message { get; init; } = "";

    public string Remedy { get; init; } = "";

    public override string ToString() => string.Join(": ", new[] { Field, Value, Message }.Where(part => part.Length > 0));
}
