namespace CvManager.PowerShell;

/// <summary>A tag of a repository, and what it stands for.</summary>
public sealed record CvRegistryTag
{
    public string Repository { get; init; } = "";

    public string Tag { get; init; } = "";

    /// <summary><c>sha256:…</c>, of the index where the tag points at one.</summary>
    public string Digest { get; init; } = "";

    /// <summary>
    /// The version tag of the same image; the digest where no version syntax was given and no tag matches the default one;
    /// null where one was given and none matches it.
    /// </summary>
    public string? Version { get; init; }

    public override string ToString() => $"{Repository}:{Tag}";
}
