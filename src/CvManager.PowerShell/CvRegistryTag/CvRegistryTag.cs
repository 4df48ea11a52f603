namespace CvManager.PowerShell;

/// <summary>A tag of a repository, and the version that it points at.</summary>
public sealed class CvRegistryTag
{
    public string Repository { get; init; } = "";

    public string Tag { get; init; } = "";

    /// <summary><c>sha256:…</c>; for a multi-platform image, the digest of the image index.</summary>
    public string Digest { get; init; } = "";

    /// <summary>
    /// The version tag of the same image. If no tag matches the version syntax: the digest for the default syntax, null for -VersionSyntax.
    /// </summary>
    public string? Version { get; init; }

    public override string ToString() => $"{Repository}:{Tag}";
}
