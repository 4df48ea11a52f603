namespace CvManager.PowerShell;

/// <summary>An image in a sandbox's registry.</summary>
public sealed record CvSandboxImage
{
    /// <summary>Registry and repository, as a ContainerVersion's imageRepo has it.</summary>
    public string Repository { get; init; } = "";

    /// <summary>The tags that it was given.</summary>
    public IReadOnlyList<string> Tag { get; init; } = [];

    public string Digest { get; init; } = "";

    /// <summary>False where its tags exist, but no node can pull it.</summary>
    public bool Pullable { get; init; }

    /// <summary>A reference to it by its first tag.</summary>
    public string Image => $"{Repository}:{Tag[0]}";
}
