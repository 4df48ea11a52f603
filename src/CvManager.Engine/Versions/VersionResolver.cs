using CvManager.Registries;

namespace CvManager.Versions;

/// <summary>
/// Finds what tags stand for (R1): one request for the digest, and only where the digest has no known version, those that find it.
/// </summary>
public sealed class VersionResolver(IRegistryCatalog registries, ILearntTags learnt, TimeProvider time) : IVersionResolver
{
    private const int ParallelLookups = 8;

    private static readonly string[] VersionLabels = ["org.opencontainers.image.version", "org.opencontainers.image.revision"];

    private readonly PolicyResolver _policies = new(learnt);

    // Images that are named by their digest: that stays their name, and is not looked for again.
    private readonly BoundedSet<(ImageRepository Repository, string Digest)> _unnamed = new(10_000);

    // Fruitless looks, by when: whoever asks again at once gets the same answer without asking the registry.
    private readonly BoundedSet<(ImageRepository Repository, string Digest, string Syntax, long Minute)> _lacking = new(10_000);

    // Indexes whose images are all there: what a digest names does not change.
    private readonly BoundedSet<(ImageRepository Repository, string Digest)> _whole = new(10_000);

    // An image is looked for once, however many follow it and ask at the same time (R11).
    private readonly Turns<(ImageRepository Repository, string Digest)> _turns = new();

    public async Task<TagDigest> FindTagAsync(ImageRepository repository, string tag, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(repository);
        IRegistry registry = registries.For(repository);
        if (VersionPolicy.Find(tag) is { } policy)
            return await _policies.FindAsync(registry, repository, policy, cancellationToken).ConfigureAwait(false);
        if (await registry.FindTagAsync(repository, tag, cancellationToken).ConfigureAwait(false) is { } found)
            return found;
        await ThrowWhereNoRepositoryAsync(registry, repository, cancellationToken).ConfigureAwait(false);
        throw RegistryErrors.TagNotFound(repository, tag);
    }

    public async Task<ResolvedVersion> ResolveAsync(
        ImageRepository repository, string tag, string? versionSyntax, IReadOnlyCollection<string> followedTags, CancellationToken cancellationToken)
    {
        // Before the registry is asked for what could not be used.
        _ = VersionSyntax.Of(versionSyntax);
        TagDigest found = await FindTagAsync(repository, tag, cancellationToken).ConfigureAwait(false);
        return await ResolveAsync(repository, tag, found, time.GetUtcNow(), versionSyntax, followedTags, cancellationToken).ConfigureAwait(false);
    }

    public async Task<ResolvedVersion> ResolveAsync(ImageRepository repository, string tag, TagDigest found, DateTimeOffset seenAt, string? versionSyntax,
        IReadOnlyCollection<string> followedTags, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(repository);
        ArgumentNullException.ThrowIfNull(found);
        ArgumentNullException.ThrowIfNull(followedTags);
        if (found.ChosenTag is { } chosen)
            return new ResolvedVersion(tag, found.Digest, chosen, seenAt);
        VersionSyntax syntax = VersionSyntax.Of(versionSyntax);
        IRegistry registry = registries.For(repository);

        var moving = new HashSet<string>(followedTags, StringComparer.Ordinal) { tag };
        var search = new Search(registry, repository, found.Digest, syntax, moving);
        if (!IsWhole(repository, found) || !IsKnown(search, found.ImageTags, out string? version))
        {
            using Turns<(ImageRepository, string)>.Turn turn = await _turns.TakeAsync((repository, found.Digest), cancellationToken).ConfigureAwait(false);
            // A tag may be moved before the images of all platforms are pushed, or after they were cleaned away.
            if (!IsWhole(repository, found))
            {
                await registry.RequireWholeAsync(repository, found.Digest, cancellationToken).ConfigureAwait(false);
                _whole.Add((repository, found.Digest));
            }

            // Whoever had the turn before may have found it.
            if (!IsKnown(search, found.ImageTags, out version))
                version = await FindVersionAsync(search, cancellationToken).ConfigureAwait(false);
        }

        if (version is null && !syntax.IsDefault)
        {
            _lacking.Add(Lacking(search));
            throw VersionNotFound(repository, tag, syntax);
        }

        version ??= found.Digest;
        return new ResolvedVersion(tag, found.Digest, version, seenAt);
    }

    public async Task<ResolvedVersion> ResolvePinAsync(ImageRepository repository, string tag, string pinned, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(repository);
        ArgumentNullException.ThrowIfNull(pinned);
        DateTimeOffset seenAt = time.GetUtcNow();
        if (pinned.StartsWith("sha256:", StringComparison.Ordinal))
            return new ResolvedVersion(tag, pinned, pinned, seenAt);
        if (learnt.DigestOf(repository, pinned) is not { } digest)
        {
            TagDigest found = await registries.For(repository).FindTagAsync(repository, pinned, cancellationToken).ConfigureAwait(false)
                ?? throw new CvException("RegistryVersionNotFound", CvErrorKind.NotFound, $"{repository} has no version {pinned}, which spec.pinVersion names.",
                    "Pin a version that exists, or follow the tag again: Resume-ContainerVersion.") { Target = $"{repository}:{pinned}" };
            digest = found.Digest;
            learnt.Learn(repository, pinned, digest);
        }

        return new ResolvedVersion(tag, digest, pinned, seenAt);
    }

    public void Remember(ImageRepository repository, string version, string digest)
    {
        _whole.Add((repository, digest));
        if (version == digest)
            _unnamed.Add((repository, digest));
        else
            learnt.Learn(repository, version, digest);
    }

    private bool IsWhole(ImageRepository repository, TagDigest found) => !found.IsIndex || _whole.Contains((repository, found.Digest));

    /// <summary>True where the registry need not be asked: the version is known, or (null) that it has none.</summary>
    private bool IsKnown(Search search, IReadOnlyList<string>? imageTags, out string? version)
    {
        // A registry that tells all tags of the image in its one answer leaves nothing to look for.
        version = search.Candidates(imageTags ?? learnt.TagsOf(search.Repository, search.Digest)) is [string best, ..] ? best : null;
        return imageTags is not null || version is not null
            || (search.Syntax.IsDefault ? _unnamed.Contains((search.Repository, search.Digest)) : _lacking.Contains(Lacking(search)));
    }

    private async Task<string?> FindVersionAsync(Search search, CancellationToken cancellationToken)
    {
        string? version = await FindByLabelsAsync(search, cancellationToken).ConfigureAwait(false)
            ?? await FindInListAsync(search, cancellationToken).ConfigureAwait(false);
        if (version is null && search.Syntax.IsDefault)
            _unnamed.Add((search.Repository, search.Digest));
        return version;
    }

    private (ImageRepository, string, string, long) Lacking(Search search) =>
        (search.Repository, search.Digest, search.Syntax.Pattern, time.GetUtcNow().Ticks / TimeSpan.TicksPerMinute);

    private async Task<string?> FindByLabelsAsync(Search search, CancellationToken cancellationToken)
    {
        IReadOnlyDictionary<string, string> labels =
            await search.Registry.ReadLabelsAsync(search.Repository, search.Digest, cancellationToken).ConfigureAwait(false);
        IEnumerable<string> named = VersionLabels.Select(l => labels.GetValueOrDefault(l)).OfType<string>().Where(ImageReference.IsTag);
        foreach (string candidate in search.Candidates(named.Distinct(StringComparer.Ordinal)))
        {
            // A label says what the image was built as, not what it was pushed as.
            if (await LookAsync(search, candidate, cancellationToken).ConfigureAwait(false) == search.Digest)
                return candidate;
        }

        return null;
    }

    private async Task<string?> FindInListAsync(Search search, CancellationToken cancellationToken)
    {
        // Read to its end before anything is concluded: an exception half-way leaves no partial listing behind.
        List<string> tags = [];
        await foreach (RegistryTag tag in search.Registry.ListTagsAsync(search.Repository, cancellationToken).ConfigureAwait(false))
        {
            tags.Add(tag.Tag);
            if (tag.Digest is not null && search.IsCandidate(tag.Tag))
                learnt.Learn(search.Repository, tag.Tag, tag.Digest);
        }

        IReadOnlyList<string> candidates = search.Candidates(tags);
        await Parallel.ForEachAsync(
            candidates.Where(t => learnt.DigestOf(search.Repository, t) is null),
            new ParallelOptions { MaxDegreeOfParallelism = ParallelLookups, CancellationToken = cancellationToken },
            async (candidate, token) => await LookAsync(search, candidate, token).ConfigureAwait(false)).ConfigureAwait(false);
        return candidates.FirstOrDefault(t => learnt.DigestOf(search.Repository, t) == search.Digest);
    }

    /// <summary>Reads a version tag's digest and keeps it.</summary>
    private async Task<string?> LookAsync(Search search, string versionTag, CancellationToken cancellationToken)
    {
        TagDigest? found = await search.Registry.FindTagAsync(search.Repository, versionTag, cancellationToken).ConfigureAwait(false);
        if (found is null)
            learnt.Forget(search.Repository, versionTag);
        else
            learnt.Learn(search.Repository, versionTag, found.Digest);
        return found?.Digest;
    }

    /// <summary>A missing tag and a missing repository have the same answer to a HEAD: only the list tells them apart.</summary>
    private static async Task ThrowWhereNoRepositoryAsync(IRegistry registry, ImageRepository repository, CancellationToken cancellationToken)
    {
        await foreach (RegistryTag _ in registry.ListTagsAsync(repository, cancellationToken).ConfigureAwait(false))
            return;
    }

    private static CvException VersionNotFound(ImageRepository repository, string tag, VersionSyntax syntax) =>
        new("VersionNotFound", CvErrorKind.NotFound,
            $"The image that the tag '{tag}' of '{repository}' points at has no tag that matches versionSyntax '{syntax.Pattern}'.",
            "Push the image under its version tag as well, or correct versionSyntax.") { Target = $"{repository}:{tag}" };

    private sealed record Search(IRegistry Registry, ImageRepository Repository, string Digest, VersionSyntax Syntax, HashSet<string> Moving)
    {
        public bool IsCandidate(string tag) => !Moving.Contains(tag) && Syntax.IsVersion(tag);

        public IReadOnlyList<string> Candidates(IEnumerable<string> tags) => Syntax.Matching(tags.Where(t => !Moving.Contains(t)));
    }
}
