using CvManager.Registries;

namespace CvManager.Versions;

/// <summary>Finds what a tag stands for (R1), as the registry tells it to one login. Thread-safe.</summary>
public interface IVersionResolver
{
    /// <summary>
    /// What a tag points at now; one request. In place of a tag, a policy may stand (<c>semver:…</c>, <c>regex/…:…</c>, <c>newest:…</c>), which costs a
    /// listing.
    /// </summary>
    /// <exception cref="CvException">
    /// <c>RegistryTagNotFound</c>, <c>RegistryRepositoryNotFound</c>, <c>VersionPolicyUndecided</c>, and those of <see cref="IRegistry"/>.
    /// </exception>
    Task<TagDigest> FindTagAsync(ImageRepository repository, string tag, CancellationToken cancellationToken);

    /// <summary>Reads the tag's digest, and finds its version where the digest is new. One request where it is not.</summary>
    /// <param name="versionSyntax">A regular expression for whole version tags; null where none was given, which is the default syntax.</param>
    /// <param name="followedTags">The moving tags of this repository, which are never a version. <paramref name="tag"/> need not be in it.</param>
    /// <exception cref="CvException">
    /// <c>RegistryTagNotFound</c>, <c>VersionNotFound</c>, <c>VersionSyntaxInvalid</c>, <c>VersionSyntaxTimeout</c>, <c>VersionSyntaxTooBroad</c>,
    /// <c>RegistryImageIncomplete</c> (an index of which images are missing is not rolled out), and those of
    /// <see cref="IRegistry"/>.
    /// </exception>
    Task<ResolvedVersion> ResolveAsync(
        ImageRepository repository, string tag, string? versionSyntax, IReadOnlyCollection<string> followedTags, CancellationToken cancellationToken);

    /// <summary>The same for a tag that somebody has looked at already: no request where the version of its digest is known.</summary>
    /// <param name="found">What the tag pointed at.</param>
    /// <param name="seenAt">When that was seen.</param>
    /// <param name="hint">
    /// What somebody says that the version of that digest is; null where nobody does. It saves the search where the registry confirms it, which
    /// costs one request; that an image goes by its digest needs no confirmation, as the tag points at it. Nothing is learnt from it.
    /// </param>
    /// <inheritdoc cref="ResolveAsync(ImageRepository, string, string?, IReadOnlyCollection{string}, CancellationToken)" path="/param|/exception"/>
    Task<ResolvedVersion> ResolveAsync(ImageRepository repository, string tag, TagDigest found, DateTimeOffset seenAt, string? versionSyntax,
        IReadOnlyCollection<string> followedTags, string? hint, CancellationToken cancellationToken);

    /// <summary>The version that a person pinned (R7): a version tag, or a digest. No request where it was seen before.</summary>
    /// <param name="tag">The tag that would be followed otherwise.</param>
    /// <exception cref="CvException"><c>RegistryVersionNotFound</c>, and those of <see cref="IRegistry"/>.</exception>
    Task<ResolvedVersion> ResolvePinAsync(ImageRepository repository, string tag, string pinned, CancellationToken cancellationToken);
}

/// <summary>What a tag stood for when it was looked at.</summary>
/// <param name="Version">A version tag of the same image, or its digest where no version syntax was given and no tag matches the default.</param>
public sealed record ResolvedVersion(string Tag, string Digest, string Version, DateTimeOffset SeenAt);
