using System.Runtime.CompilerServices;

namespace CvManager.Registries.Ecr;

/// <summary>
/// One private ECR registry: by its API where there are AWS credentials, which costs the fewest requests; else by its OCI endpoint, where
/// somebody logged in to that (<c>docker login</c>, an image pull secret). Thread-safe.
/// </summary>
/// <param name="api">By AWS credentials.</param>
/// <param name="endpoint">By what docker login left behind.</param>
internal sealed class EcrRegistryChoice(IRegistry api, IRegistry endpoint, EcrCredentials credentials, Amazon.Runtime.IClientConfig configuration, TimeProvider time) : IRegistry
{
    /// <summary>Where there are none, looking for AWS credentials takes seconds; people log in seldom.</summary>
    private static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(5);

    private volatile Choice? _chosen;

    /// <summary>That of the last choice; the API's before the first.</summary>
    public int TagsPerRequest => (_chosen?.Registry ?? api).TagsPerRequest;

    public async Task<TagDigest?> FindTagAsync(ImageRepository repository, string tag, CancellationToken cancellationToken) =>
        await (await ChooseAsync(cancellationToken).ConfigureAwait(false)).FindTagAsync(repository, tag, cancellationToken).ConfigureAwait(false);

    public async Task<IReadOnlyDictionary<string, TagDigest>> FindTagsAsync(
        ImageRepository repository, IReadOnlyCollection<string> tags, CancellationToken cancellationToken) =>
        await (await ChooseAsync(cancellationToken).ConfigureAwait(false)).FindTagsAsync(repository, tags, cancellationToken).ConfigureAwait(false);

    public async IAsyncEnumerable<RegistryTag> ListTagsAsync(
        ImageRepository repository, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        IRegistry chosen = await ChooseAsync(cancellationToken).ConfigureAwait(false);
        await foreach (RegistryTag tag in chosen.ListTagsAsync(repository, cancellationToken).ConfigureAwait(false))
            yield return tag;
    }

    public async Task<IReadOnlyDictionary<string, string>> ReadLabelsAsync(
        ImageRepository repository, string digest, CancellationToken cancellationToken) =>
        await (await ChooseAsync(cancellationToken).ConfigureAwait(false)).ReadLabelsAsync(repository, digest, cancellationToken).ConfigureAwait(false);

    public async Task RequireWholeAsync(ImageRepository repository, string digest, CancellationToken cancellationToken) =>
        await (await ChooseAsync(cancellationToken).ConfigureAwait(false)).RequireWholeAsync(repository, digest, cancellationToken).ConfigureAwait(false);

    public async Task<TagMove> AddTagAsync(ImageRepository repository, string version, string tag, CancellationToken cancellationToken) =>
        await (await ChooseAsync(cancellationToken).ConfigureAwait(false)).AddTagAsync(repository, version, tag, cancellationToken).ConfigureAwait(false);

    public async Task RemoveTagAsync(ImageRepository repository, string tag, bool force, CancellationToken cancellationToken) =>
        await (await ChooseAsync(cancellationToken).ConfigureAwait(false)).RemoveTagAsync(repository, tag, force, cancellationToken).ConfigureAwait(false);

    private async ValueTask<IRegistry> ChooseAsync(CancellationToken cancellationToken)
    {
        if (_chosen is { } chosen && time.GetUtcNow() < chosen.Until)
            return chosen.Registry;
        // Without either, the API says best what is missing.
        IRegistry registry = await credentials.HasDockerLoginAsync(cancellationToken).ConfigureAwait(false)
            && !await credentials.AreThereAsync(configuration, cancellationToken).ConfigureAwait(false) ? endpoint : api;
        _chosen = new Choice(registry, time.GetUtcNow() + Lifetime);
        return registry;
    }

    private sealed record Choice(IRegistry Registry, DateTimeOffset Until);
}
