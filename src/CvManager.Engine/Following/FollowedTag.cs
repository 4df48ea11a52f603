using CvManager.Registries;

namespace CvManager.Following;

/// <summary>A repository, as seen with one login.</summary>
/// <param name="Registry">Host name and port.</param>
/// <param name="Repository">Path within the registry.</param>
/// <param name="Login">
/// Identifies the credentials in use, without containing a secret (see <see cref="RegistryLogins"/>); empty for the process's own credentials.
/// Only resources with the same login share what was read, so that no resource learns anything through another one's credentials.
/// </param>
internal readonly record struct TagRepository(string Registry, string Repository, string Login)
{
    public override string ToString() => Login.Length == 0 ? $"{Registry}/{Repository}" : $"{Registry}/{Repository} ({Login})";
}

/// <summary>A moving tag that at least one resource follows.</summary>
internal readonly record struct FollowedTag(TagRepository Repository, string Tag)
{
    public override string ToString() => $"{Repository.Registry}/{Repository.Repository}:{Tag}";
}

/// <summary>The result of one read of a tag: a digest, or why it is unknown.</summary>
internal sealed record TagObservation
{
    private TagObservation() { }

    /// <summary>What the tag points at; null if it could not be read.</summary>
    public TagDigest? Found { get; private init; }

    /// <summary>Null if the read succeeded. <see cref="CvErrorKind.NotFound"/> if the tag or the repository does not exist.</summary>
    public CvException? Error { get; private init; }

    public static TagObservation Of(TagDigest found) => new() { Found = found };

    public static TagObservation Failed(CvException error) => new() { Error = error };
}

/// <summary>What is known about a followed tag.</summary>
internal sealed record TagState
{
    /// <summary>What the tag pointed at when last read; kept while the registry is unavailable. Null before the first read, and when the tag is gone.</summary>
    public TagDigest? Found { get; init; }

    /// <summary>When that was last confirmed.</summary>
    public DateTimeOffset? SeenAt { get; init; }

    /// <summary>The same as a monotonic timestamp, so that its age does not depend on the wall clock.</summary>
    public long SeenAtTimestamp { get; init; }

    /// <summary>Why the last read failed; null if it succeeded.</summary>
    public CvException? Error { get; init; }
}

/// <summary>Reads from a registry what tags point at. Thread-safe; the poller makes one call per repository at a time.</summary>
internal interface ITagLookup
{
    /// <summary>How many tags of the repository one request can read; 1 if each tag needs a request.</summary>
    int TagsPerRequest(TagRepository repository);

    /// <summary>
    /// Reads tags in as few requests as possible, within the registry's request budget (R11) and a time limit.
    /// The result contains every tag; a missing one is retried.
    /// </summary>
    /// <exception cref="CvException">None of the tags could be read.</exception>
    Task<IReadOnlyDictionary<string, TagObservation>> ReadTagsAsync(
        TagRepository repository,
        IReadOnlyList<string> tags,
        CancellationToken cancellationToken
    );
}
