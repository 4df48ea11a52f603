using System.Runtime.CompilerServices;

namespace CvManager.Registries.Ecr;

/// <summary>
/// A private ECR registry: uses its API if AWS credentials are available, which takes the fewest requests; otherwise its OCI endpoint, if
/// there is a credential for that (<c>docker login</c>, an image pull secret). Thread-safe.
/// </summary>
/// <param name="api">The client for AWS credentials.</param>
/// <param name="endpoint">The client for docker credentials.</param>
internal sealed class EcrRegistryChoice(
    IRegistry api,
    IRegistry endpoint,
    EcrCredentials credentials,
    Amazon.Runtime.IClientConfig configuration,
    TimeProvider time
) : IRegistry
{
    /// <summary>If there are no AWS credentials, searching for them takes seconds, so the choice is cached.</summary>
    private static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(5);

    private volatile Choice? _chosen;

    /// <summary>That of the last choice; initially that of the API.</summary>
    public int TagsPerRequest => (_chosen?.Registry ?? api).TagsPerRequest;

    public async Task<TagDigest?> FindTagAsync(ImageRepository repository, string tag, CancellationToken cancellationToken) =>
        await (await ChooseAsync(cancellationToken)).FindTagAsync(repository, tag, cancellationToken);

    public async Task<IReadOnlyDictionary<string, TagDigest>> FindTagsAsync(
        ImageRepository repository,
        IReadOnlyCollection<string> tags,
        CancellationToken cancellationToken
    ) => await (await ChooseAsync(cancellationToken)).FindTagsAsync(repository, tags, cancellationToken);

    public async IAsyncEnumerable<RegistryTag> ListTagsAsync(
        ImageRepository repository,
        [EnumeratorCancellation] CancellationToken cancellationToken
    )
    {
        var chosen = await ChooseAsync(cancellationToken);
        await foreach (var tag in chosen.ListTagsAsync(repository, cancellationToken))
            yield return tag;
    }

    public async Task<IReadOnlyDictionary<string, string>> ReadLabelsAsync(
        ImageRepository repository,
        string digest,
        CancellationToken cancellationToken
    ) => await (await ChooseAsync(cancellationToken)).ReadLabelsAsync(repository, digest, cancellationToken);

    public async Task RequireCompleteAsync(ImageRepository repository, string digest, CancellationToken cancellationToken) =>
        await (await ChooseAsync(cancellationToken)).RequireCompleteAsync(repository, digest, cancellationToken);

    public async Task<TagMove> AddTagAsync(ImageRepository repository, string version, string tag, CancellationToken cancellationToken) =>
        await (await ChooseAsync(cancellationToken)).AddTagAsync(repository, version, tag, cancellationToken);

    public async Task RemoveTagAsync(ImageRepository repository, string tag, bool force, CancellationToken cancellationToken) =>
        await (await ChooseAsync(cancellationToken)).RemoveTagAsync(repository, tag, force, cancellationToken);

    private async ValueTask<IRegistry> ChooseAsync(CancellationToken cancellationToken)
    {
        if (_chosen is { } chosen && time.GetUtcNow() < chosen.Until)
            return chosen.Registry;
        // Without any credentials, the API reports the better error.
        var registry =
            await credentials.HasDockerLoginAsync(cancellationToken)
            && !await credentials.AreAvailableAsync(configuration, cancellationToken)
                ? endpoint
                : api;
        _chosen = new Choice(registry, time.GetUtcNow() + Lifetime);
        return registry;
    }

    private sealed record Choice(IRegistry Registry, DateTimeOffset Until);
}
