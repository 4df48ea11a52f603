namespace CvManager.PowerShell;

/// <summary>What Test-ContainerVersion found about one ContainerVersion.</summary>
public sealed record ContainerVersionTest : IContainerVersionReference
{
    /// <summary>Empty where the manifest names none.</summary>
    public string Namespace { get; init; } = "";

    public string Name { get; init; } = "";

    /// <summary>True where nothing is wrong with it.</summary>
    public bool Valid => Problems.Count == 0;

    public IReadOnlyList<ContainerVersionProblem> Problems { get; init; } = [];

    /// <summary>What a reconcile would do now, in a sentence; null where no cluster was asked.</summary>
    public string? Plan { get; init; }

    /// <summary>What it would change; empty where nothing, or where no cluster was asked.</summary>
    public IReadOnlyList<CvPlannedChange> Change { get; init; } = [];

    /// <summary>The file, <c>pipeline</c>, or <c>cluster</c>.</summary>
    public string Source { get; init; } = "";

    public override string ToString() => Namespace.Length > 0 ? $"{Namespace}/{Name}" : Name;
}

/// <summary>One thing that is wrong, and what would be right.</summary>
public sealed record ContainerVersionProblem
{
    /// <summary>The path of the field, as Kubernetes writes it; empty where it is about the whole.</summary>
    public string Field { get; init; } = "";

    /// <summary>The value as JSON; empty where the field is missing.</summary>
    public string Value { get; init; } = "";

    public string Message { get; init; } = "";

    public string Remedy { get; init; } = "";

    public override string ToString() =>
        string.Join(": ", new[] { Field, Value, Message }.Where(part => part.Length > 0));
}
