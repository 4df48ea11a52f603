using System.Runtime.CompilerServices;

namespace CvManager.Registries.DockerHub;

/// <summary>
/// Docker Hub: an OCI registry, plus the Hub's own API for listing tags, which includes digests; the registry requires a request for each.
/// If the API fails, the registry's list is used.
/// </summary>
internal sealed class DockerHubRegistry(IRegistry registry, HubTagList hub) : IRegistry
{
    /// <summary>10,000 tags: beyond that, pages of 100 have no advantage over the registry's pages of 1,000.</summary>
    private const int MaxPages = 100;

    public int TagsPerRequest => registry.TagsPerRequest;

    public Task<TagDigest?> FindTagAsync(ImageRepository repository, string tag, CancellationToken cancellationToken) =>
        registry.FindTagAsync(repository, tag, cancellationToken);

    public Task<IReadOnlyDictionary<string, TagDigest>> FindTagsAsync(
        ImageRepository repository,
        IReadOnlyCollection<string> tags,
        CancellationToken cancellationToken
    ) => registry.FindTagsAsync(repository, tags, cancellationToken);

    public async IAsyncEnumerable<RegistryTag> ListTagsAsync(
        ImageRepository repository,
        [EnumeratorCancellation] CancellationToken cancellationToken
    )
    {
        HashSet<string> seen = new(StringComparer.Ordinal);
        int? count = null;
        for (var page = 1; page <= MaxPages; page++)
        {
            // If the count changes, tags were added or deleted and others may have moved to a page that was already read.
            if (
                await hub.ReadPageAsync(repository, page, cancellationToken) is not HubPage result
                || result.Count != (count ??= result.Count)
            )
                break;
            foreach (var tag in result.Tags)
            {
                if (seen.Add(tag.Tag))
                    yield return tag;
            }

            if (result.IsLast && seen.Count >= count)
                yield break;
            if (result.IsLast)
                break;
        }

        await foreach (var tag in registry.ListTagsAsync(repository, cancellationToken))
        {
            if (seen.Add(tag.Tag))
                yield return tag;
        }
    }

    public Task<IReadOnlyDictionary<string, string>> ReadLabelsAsync(
        ImageRepository repository,
        string digest,
        CancellationToken cancellationToken
    ) => registry.ReadLabelsAsync(repository, digest, cancellationToken);

    public Task RequireCompleteAsync(ImageRepository repository, string digest, CancellationToken cancellationToken) =>
        registry.RequireCompleteAsync(repository, digest, cancellationToken);

    public Task<TagMove> AddTagAsync(ImageRepository repository, string version, string tag, CancellationToken cancellationToken) =>
        registry.AddTagAsync(repository, version, tag, cancellationToken);

    public Task RemoveTagAsync(ImageRepository repository, string tag, bool force, CancellationToken cancellationToken) =>
        registry.RemoveTagAsync(repository, tag, force, cancellationToken);
}
