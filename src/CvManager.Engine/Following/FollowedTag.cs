using CvManager.Registries;

namespace CvManager.Following;

/// <summary>One repository as it is polled.</summary>
/// <param name="Registry">Host name and port.</param>
/// <param name="Repository">Path within the registry.</param>
/// <param name="Login">
/// Stands for the credentials in use, and is no secret itself (see <see cref="RegistryLogins"/>); empty where those of the process are used. Tags are
/// shared between resources of the same login only: nobody learns by another one's credentials.
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

/// <summary>What one look at a tag gave: a digest, or why that is not known.</summary>
internal sealed record TagObservation
{
    private TagObservation()
    {
    }

    /// <summary>What the tag points at; null where that could not be learnt.</summary>
    public TagDigest? Found { get; private init; }

    /// <summary>Null where that is known. <see cref="CvErrorKind.NotFound"/> where tag or repository do not exist.</summary>
    public CvException? Error { get; private init; }

    public static TagObservation Of(TagDigest found) => new() { Found = found };

    public static TagObservation Failed(CvException error) => new() { Error = error };
}

/// <summary>What is known of a followed tag.</summary>
internal sealed record TagState
{
    /// <summary>What it pointed at when last seen; kept while the registry cannot be asked. Null before that, and once the tag is gone.</summary>
    public TagDigest? Found { get; init; }

    /// <summary>When that was last confirmed.</summary>
    public DateTimeOffset? SeenAt { get; init; }

    /// <summary>The same as a timestamp: how long ago that is does not depend on a clock that may be set.</summary>
    public long SeenAtTimestamp { get; init; }

    /// <summary>Why the last look told nothing; null where it did.</summary>
    public CvException? Error { get; init; }
}

/// <summary>Asks a registry what tags point at. Thread-safe; the poller asks for one repository once at a time.</summary>
internal interface ITagLookup
{
    /// <summary>How many tags of that repository one request answers for; 1 where each tag costs a request.</summary>
    int TagsPerRequest(TagRepository repository);

    /// <summary>
    /// Asks for those tags, in as few requests as can be, under the registry's request budget (R11) and a time limit of its own.
    /// The answer has every one of them; one that it leaves out is tried again.
    /// </summary>
    /// <exception cref="CvException">None of them could be asked for.</exception>
    Task<IReadOnlyDictionary<string, TagObservation>> LookAsync(
        TagRepository repository, IReadOnlyList<string> tags, CancellationToken cancellationToken);
}
