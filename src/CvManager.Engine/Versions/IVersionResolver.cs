using CvManager.Registries;
using CvManager.Resources;

namespace CvManager.Versions;

/// <summary>Resolves tags to versions (R1), with the permissions of one credential. Thread-safe.</summary>
public interface IVersionResolver
{
    /// <summary>
    /// The current digest of a tag; one request. A policy in place of a tag requires listing the tags.
    /// </summary>
    /// <exception cref="CvException">
    /// <c>RegistryTagNotFound</c>, <c>RegistryRepositoryNotFound</c>, <c>VersionPolicyUndecided</c>, and those of <see cref="IRegistry"/>.
    /// </exception>
    Task<TagDigest> FindTagAsync(ImageRepository repository, Followed followed, CancellationToken cancellationToken);

    /// <summary>Reads the digest of the tag, and finds its version. One request if the digest is known.</summary>
    /// <param name="versionSyntax">A regular expression that version tags must match completely; null for the default syntax.</param>
    /// <param name="followedTags">The moving tags of this repository, which are never versions. May omit the followed one.</param>
    /// <exception cref="CvException">
    /// <c>RegistryTagNotFound</c>, <c>VersionNotFound</c>, <c>VersionSyntaxInvalid</c>, <c>VersionSyntaxTimeout</c>,
    /// <c>VersionSyntaxTooBroad</c>, <c>RegistryImageIncomplete</c> (an index with missing images is not rolled out), and those of
    /// <see cref="IRegistry"/>.
    /// </exception>
    Task<ResolvedVersion> ResolveAsync(
        ImageRepository repository,
        Followed followed,
        string? versionSyntax,
        IReadOnlyCollection<string> followedTags,
        CancellationToken cancellationToken
    );

    /// <summary>The same for a tag whose digest was already read: no request if the version of the digest is known.</summary>
    /// <param name="found">The digest of the tag.</param>
    /// <param name="seenAt">When it was read.</param>
    /// <param name="hint">
    /// The presumed version of the digest; null if unknown. If the registry confirms it, which takes one request, no search is necessary. A
    /// hint that is the digest itself needs no confirmation. Hints are not cached.
    /// </param>
    /// <inheritdoc cref="ResolveAsync(ImageRepository, Followed, string?, IReadOnlyCollection{string}, CancellationToken)" path="/param|/exception"/>
    Task<ResolvedVersion> ResolveAsync(
        ImageRepository repository,
        Followed followed,
        TagDigest found,
        DateTimeOffset seenAt,
        string? versionSyntax,
        IReadOnlyCollection<string> followedTags,
        string? hint,
        CancellationToken cancellationToken
    );

    /// <summary>The version that a person pinned (R7): a version tag or a digest. No request if it is cached.</summary>
    /// <param name="followed">What the resource follows otherwise.</param>
    /// <exception cref="CvException"><c>RegistryVersionNotFound</c>, and those of <see cref="IRegistry"/>.</exception>
    Task<ResolvedVersion> ResolvePinAsync(
        ImageRepository repository,
        Followed followed,
        string pinned,
        CancellationToken cancellationToken
    );
}

/// <summary>The version of a tag when it was read.</summary>
/// <param name="Followed">The tag, or the policy that selected the version.</param>
/// <param name="Version">A version tag of the same image; its digest if there is none and the default version syntax applies.</param>
public sealed record ResolvedVersion(Followed Followed, string Digest, string Version, DateTimeOffset SeenAt);
