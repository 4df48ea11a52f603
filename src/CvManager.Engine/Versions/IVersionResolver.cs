using CvManager.Registries;

namespace CvManager.Versions;

/// <summary>Finds what a tag stands for (R1). Thread-safe.</summary>
public interface IVersionResolver
{
    /// <summary>Reads the tag's digest, and finds its version where the digest is new. One request where it is not.</summary>
    /// <param name="versionSyntax">A regular expression for whole version tags; null where none was given, which is the default syntax.</param>
    /// <param name="followedTags">The moving tags of this repository, which are never a version. <paramref name="tag"/> need not be in it.</param>
    /// <exception cref="CvException">
    /// <c>RegistryTagNotFound</c>, <c>VersionNotFound</c>, <c>VersionSyntaxInvalid</c>, <c>VersionSyntaxTimeout</c>,
    /// <c>RegistryImageIncomplete</c> (an index of which images are missing is not rolled out), and those of
    /// <see cref="IRegistry"/>.
    /// </exception>
    Task<ResolvedVersion> ResolveAsync(
        ImageRepository repository, string tag, string? versionSyntax, IReadOnlyCollection<string> followedTags, CancellationToken cancellationToken);
}

/// <summary>What a tag stood for when it was looked at.</summary>
/// <param name="Version">A version tag of the same image, or its digest where no version syntax was given and no tag matches the default.</param>
public sealed record ResolvedVersion(string Tag, string Digest, string Version, DateTimeOffset SeenAt);
