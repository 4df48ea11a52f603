using CvManager.Resources;

namespace CvManager.Following;

/// <summary>Reads from a registry what tags point at. Thread-safe; the poller makes one call per repository at a time.</summary>
internal interface ITagLookup
{
    /// <summary>How many tags of the repository one request can read; 1 if each tag needs a request.</summary>
    int TagsPerRequest(TagRepository repository);

    /// <summary>
    /// Reads tags in as few requests as possible, within the registry's request budget (R11) and a time limit.
    /// The result contains every tag, without the time; a missing one is retried.
    /// </summary>
    /// <exception cref="CvException">None of the tags could be read.</exception>
    Task<IReadOnlyDictionary<Followed, TagState>> ReadTagsAsync(
        TagRepository repository,
        IReadOnlyList<Followed> tags,
        CancellationToken cancellationToken
    );
}
