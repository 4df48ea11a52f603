using System.Runtime.CompilerServices;

namespace CvManager.Registries.DockerHub;

/// <summary>
/// Docker Hub: a registry as any other, beside which stands the Hub's own list of tags. That one tells digests, for which the registry
/// wants a request each; it may fail, and then the registry's own list serves.
/// </summary>
internal sealed class DockerHubRegistry(IRegistry registry, HubTagList hub) : IRegistry
{
    /// <summary>10,000 tags: beyond that, a hundred to a page are no saving over the thousand of the registry's own list.</summary>
    private const int MostPages = 100;

    public int TagsPerRequest => registry.TagsPerRequest;

    public Task<TagDigest?> FindTagAsync(ImageRepository repository, string tag, CancellationToken cancellationToken) =>
        registry.FindTagAsync(repository, tag, cancellationToken);

    public Task<IReadOnlyDictionary<string, TagDigest>> FindTagsAsync(
        ImageRepository repository, IReadOnlyCollection<string> tags, CancellationToken cancellationToken) =>
        registry.FindTagsAsync(repository, tags, cancellationToken);

    public async IAsyncEnumerable<RegistryTag> ListTagsAsync(
        ImageRepository repository, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        HashSet<string> seen = new(StringComparer.Ordinal);
        int? count = null;
        for (int page = 1; page <= MostPages; page++)
        {
            // Tags that come and go meanwhile move others to pages that were read before: then some may be missing.
            if (await hub.ReadPageAsync(repository, page, cancellationToken).ConfigureAwait(false) is not HubPage answer || answer.Count != (count ??= answer.Count))
                break;
            foreach (RegistryTag tag in answer.Tags)
            {
                if (seen.Add(tag.Tag))
                    yield return tag;
            }

            if (answer.IsLast && seen.Count >= count)
                yield break;
            if (answer.IsLast)
                break;
        }

        await foreach (RegistryTag tag in registry.ListTagsAsync(repository, cancellationToken).ConfigureAwait(false))
        {
            if (seen.Add(tag.Tag))
                yield return tag;
        }
    }

    public Task<IReadOnlyDictionary<string, string>> ReadLabelsAsync(
        ImageRepository repository, string digest, CancellationToken cancellationToken) => registry.ReadLabelsAsync(repository, digest, cancellationToken);

    public Task RequireWholeAsync(ImageRepository repository, string digest, CancellationToken cancellationToken) =>
        registry.RequireWholeAsync(repository, digest, cancellationToken);

    public Task<TagMove> AddTagAsync(ImageRepository repository, string version, string tag, CancellationToken cancellationToken) =>
        registry.AddTagAsync(repository, version, tag, cancellationToken);

    public Task RemoveTagAsync(ImageRepository repository, string tag, bool force, CancellationToken cancellationToken) =>
        registry.RemoveTagAsync(repository, tag, force, cancellationToken);
}
