using CvManager.Registries;
using CvManager.Scheduling;
using Microsoft.Extensions.Logging;

namespace CvManager.Versions;

/// <summary>
/// Finds what tags stand for (R1): one request for the digest, and only where the digest has no known version, those that find it.
/// </summary>
/// <param name="registries">As the login sees them: what it learns, no other login is told.</param>
/// <param name="learnt">What this login was told of version tags.</param>
/// <param name="log">Gets, once each, the tags that cannot be read; null for nobody.</param>
public sealed class VersionResolver(IRegistryCatalog registries, ILearntTags learnt, TimeProvider time, ILogger? log = null) : IVersionResolver
{
    /// <summary>More tags than this that match, and each of which costs a request, are no version syntax.</summary>
    private const int MostCandidates = 20_000;

    /// <summary>A registry that fails for so many tags of a repository fails for all of them.</summary>
    private const int MostFailures = 16;

    private const int ParallelLookups = 8;

    private static readonly string[] VersionLabels = ["org.opencontainers.image.version", "org.opencontainers.image.revision"];

    private readonly Candidates _candidates = new(learnt, log);
    private readonly PolicyResolver _policies = new(learnt, new Candidates(learnt, log));

    // What was found out: neither the tags of a version nor, with the default syntax, that an image goes by its digest (null) is looked for again.
    private readonly BoundedMap<(ImageRepository Repository, string Digest, string Syntax), string?> _answers = new(50_000);

    // Hints that the registry confirmed: true of the tag, but maybe not the best answer, so that nobody else is told.
    private readonly BoundedSet<(ImageRepository Repository, string Digest, string Tag)> _confirmed = new(20_000);

    // Fruitless looks, by when: whoever asks again at once gets the same answer without asking the registry.
    private readonly BoundedSet<(ImageRepository Repository, string Digest, string Syntax, long Minute)> _lacking = new(10_000);

    // Indexes whose images are all there: what a digest names does not change.
    private readonly BoundedSet<(ImageRepository Repository, string Digest)> _whole = new(10_000);

    // An image is looked for once, however many follow it and ask at the same time (R11).
    private readonly KeyedLock<(ImageRepository Repository, string Digest)> _turns = new();

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
        return await ResolveAsync(repository, tag, found, time.GetUtcNow(), versionSyntax, followedTags, null, cancellationToken).ConfigureAwait(false);
    }

    public async Task<ResolvedVersion> ResolveAsync(ImageRepository repository, string tag, TagDigest found, DateTimeOffset seenAt, string? versionSyntax,
        IReadOnlyCollection<string> followedTags, string? hint, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(repository);
        ArgumentNullException.ThrowIfNull(found);
        ArgumentNullException.ThrowIfNull(followedTags);
        if (found.ChosenTag is { } chosen)
            return new ResolvedVersion(tag, found.Digest, chosen, seenAt);
        if (found.ArtifactType is { } type)
            throw RegistryErrors.NoImageConfiguration(repository, tag, type);
        VersionSyntax syntax = VersionSyntax.Of(versionSyntax);
        if (hint == found.Digest && syntax.IsDefault && found.ImageTags is null)
            return new ResolvedVersion(tag, found.Digest, found.Digest, seenAt);
        IRegistry registry = registries.For(repository);

        var moving = new HashSet<string>(followedTags, StringComparer.Ordinal) { tag };
        var search = new Search(registry, repository, found.Digest, syntax, moving);
        Known known = await FindKnownAsync(search, found.ImageTags, cancellationToken).ConfigureAwait(false);
        if (!IsWhole(repository, found) || !known.IsKnown)
        {
            using KeyedLock<(ImageRepository, string)>.Turn turn = await _turns.TakeAsync((repository, found.Digest), cancellationToken).ConfigureAwait(false);
            // A version that the registry confirms was looked at before it was written down; the images of its platforms, too.
            if (!known.IsKnown && hint is not null && await IsConfirmedAsync(search, hint, cancellationToken).ConfigureAwait(false))
                return new ResolvedVersion(tag, found.Digest, hint, seenAt);
            // A tag may be moved before the images of all platforms are pushed, or after they were cleaned away.
            if (!IsWhole(repository, found))
            {
                await registry.RequireWholeAsync(repository, found.Digest, cancellationToken).ConfigureAwait(false);
                _whole.Add((repository, found.Digest));
            }

            // Whoever had the turn before may have found it.
            known = await FindKnownAsync(search, found.ImageTags, cancellationToken).ConfigureAwait(false);
            if (!known.IsKnown)
                known = new Known(true, await FindVersionAsync(search, cancellationToken).ConfigureAwait(false));
        }

        if (known.Version is null && !syntax.IsDefault)
        {
            _lacking.Add(Lacking(search));
            throw VersionNotFound(repository, tag, syntax);
        }

        return new ResolvedVersion(tag, found.Digest, known.Version ?? found.Digest, seenAt);
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
                ?? throw new CvException(ErrorIds.RegistryVersionNotFound, CvErrorKind.NotFound, $"Version '{pinned}' of spec.pinVersion not found in '{repository}'.",
                    "Pin an existing version, or follow the tag again: Resume-ContainerVersion.") { Target = $"{repository}:{pinned}" };
            digest = found.Digest;
            learnt.Learn(repository, pinned, digest);
        }

        return new ResolvedVersion(tag, digest, pinned, seenAt);
    }

    private bool IsWhole(ImageRepository repository, TagDigest found) => !found.IsIndex || _whole.Contains((repository, found.Digest));

    /// <summary>What the registry need not be asked for: the version, or (null) that there is none.</summary>
    private async ValueTask<Known> FindKnownAsync(Search search, IReadOnlyList<string>? imageTags, CancellationToken cancellationToken)
    {
        // A registry that tells all tags of the image in its one answer leaves nothing to look for.
        if (imageTags is not null)
            return new Known(true, await search.CandidatesAsync(imageTags, cancellationToken).ConfigureAwait(false) is [string best, ..] ? best : null);
        if (_answers.TryGetValue(Answer(search), out string? version) && (version is null || !search.Moving.Contains(version)))
            return new Known(true, version);
        return new Known(!search.Syntax.IsDefault && _lacking.Contains(Lacking(search)), null);
    }

    private async Task<bool> IsConfirmedAsync(Search search, string hint, CancellationToken cancellationToken)
    {
        if (!ImageReference.IsTag(hint) || search.Moving.Contains(hint) || !search.Syntax.IsVersion(hint))
            return false;
        if (_confirmed.Contains((search.Repository, search.Digest, hint)))
            return true;
        try
        {
            if ((await search.Registry.FindTagAsync(search.Repository, hint, cancellationToken).ConfigureAwait(false))?.Digest != search.Digest)
                return false;
        }
        catch (CvException e) when (!e.IsTransient)
        {
            return false;
        }

        _confirmed.Add((search.Repository, search.Digest, hint));
        return true;
    }

    private async Task<string?> FindVersionAsync(Search search, CancellationToken cancellationToken)
    {
        string? version = await FindByLabelsAsync(search, cancellationToken).ConfigureAwait(false)
            ?? await FindInListAsync(search, cancellationToken).ConfigureAwait(false);
        if (version is not null || search.Syntax.IsDefault)
            _answers.Set(Answer(search), version);
        return version;
    }

    // The default is another syntax than the same expression given: only there may the answer be that there is no version.
    private static (ImageRepository, string, string) Answer(Search search) => (search.Repository, search.Digest, search.Syntax.IsDefault ? "" : search.Syntax.Pattern);

    private (ImageRepository, string, string, long) Lacking(Search search) =>
        (search.Repository, search.Digest, search.Syntax.Pattern, time.GetUtcNow().Ticks / TimeSpan.TicksPerMinute);

    private async Task<string?> FindByLabelsAsync(Search search, CancellationToken cancellationToken)
    {
        IReadOnlyDictionary<string, string> labels =
            await search.Registry.ReadLabelsAsync(search.Repository, search.Digest, cancellationToken).ConfigureAwait(false);
        IEnumerable<string> named = VersionLabels.Select(l => labels.GetValueOrDefault(l)).OfType<string>().Where(ImageReference.IsTag);
        foreach (string candidate in await search.CandidatesAsync(named.Distinct(StringComparer.Ordinal), cancellationToken).ConfigureAwait(false))
        {
            // A label says what the image was built as, not what it was pushed as.
            if ((await _candidates.ReadAsync(search.Registry, search.Repository, candidate, cancellationToken).ConfigureAwait(false)).Digest == search.Digest)
                return candidate;
        }

        return null;
    }

    private async Task<string?> FindInListAsync(Search search, CancellationToken cancellationToken)
    {
        // Read to its end before anything is concluded: an exception half-way leaves no partial listing behind.
        Dictionary<string, string?> tags = new(StringComparer.Ordinal);
        try
        {
            await foreach (RegistryTag tag in search.Registry.ListTagsAsync(search.Repository, cancellationToken).ConfigureAwait(false))
                tags[tag.Tag] = tag.Digest;
        }
        catch (CvException e) when (e.Kind is CvErrorKind.Forbidden or CvErrorKind.Unauthenticated or CvErrorKind.NotSupported)
        {
            throw new CvException(e.ErrorId, e.Kind, $"Could not list the tags, which is required to find the image's version: {e.Message}",
                $"{e.Remedy} Or build images with the label {VersionLabels[0]}, which makes the list unnecessary.", e) { Target = e.Target };
        }

        IReadOnlyList<string> candidates = await search.CandidatesAsync(tags.Keys, cancellationToken).ConfigureAwait(false);
        foreach (string candidate in candidates)
        {
            if (tags[candidate] is { } digest)
                learnt.Learn(search.Repository, candidate, digest);
        }

        int unseen = candidates.Count(t => learnt.DigestOf(search.Repository, t) is null);
        if (unseen > MostCandidates)
        {
            throw new CvException(ErrorIds.VersionSyntaxTooBroad, CvErrorKind.Invalid,
                $"{unseen} tags of '{search.Repository}' match versionSyntax '{search.Syntax.Pattern}'; at most {MostCandidates} are read, one request each.",
                $"Set a narrower versionSyntax, delete old tags, or build images with the label {VersionLabels[0]}.") { Target = search.Repository.ToString() };
        }

        return await FindFirstAsync(search, candidates, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>The first of the tags that names the image; those behind it need not be read. One that cannot be read is passed over, unless it may be the only one.</summary>
    private async Task<string?> FindFirstAsync(Search search, IReadOnlyList<string> bestFirst, CancellationToken cancellationToken)
    {
        using CancellationTokenSource found = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Queue<(string Tag, Task<Candidate> Read)> ahead = [];
        CvException? obstacle = null;
        int failures = 0;
        try
        {
            foreach (string tag in bestFirst)
            {
                ahead.Enqueue((tag, ReadAsync(search, tag, found.Token)));
                if (ahead.Count >= ParallelLookups && await NextAsync().ConfigureAwait(false) is { } early)
                    return early;
            }

            while (ahead.Count > 0)
            {
                if (await NextAsync().ConfigureAwait(false) is { } late)
                    return late;
            }
        }
        finally
        {
            // What else was asked for interests nobody any more.
            await found.CancelAsync().ConfigureAwait(false);
            await ((Task)Task.WhenAll(ahead.Select(a => a.Read))).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        return obstacle is null ? null : throw obstacle;

        async Task<string?> NextAsync()
        {
            (string tag, Task<Candidate> read) = ahead.Dequeue();
            Candidate candidate = await read.ConfigureAwait(false);
            if (candidate.Obstacle is { } error && !candidate.IsNoImage)
                obstacle ??= error;
            if (candidate.Obstacle is { IsTransient: true } failure && ++failures >= MostFailures)
                throw failure;
            return candidate.Digest == search.Digest ? tag : null;
        }
    }

    private async Task<Candidate> ReadAsync(Search search, string tag, CancellationToken cancellationToken) =>
        learnt.DigestOf(search.Repository, tag) is { } digest
            ? new Candidate(digest)
            : await _candidates.ReadAsync(search.Registry, search.Repository, tag, cancellationToken).ConfigureAwait(false);

    /// <summary>A missing tag and a missing repository have the same answer to a HEAD: only the list tells them apart. Who may not list is told of the tag.</summary>
    private static async Task ThrowWhereNoRepositoryAsync(IRegistry registry, ImageRepository repository, CancellationToken cancellationToken)
    {
        try
        {
            await foreach (RegistryTag _ in registry.ListTagsAsync(repository, cancellationToken).ConfigureAwait(false))
                return;
        }
        catch (CvException e) when (e.Kind is CvErrorKind.Forbidden or CvErrorKind.Unauthenticated or CvErrorKind.NotSupported or CvErrorKind.Invalid)
        {
        }
    }

    private static CvException VersionNotFound(ImageRepository repository, string tag, VersionSyntax syntax) =>
        new(ErrorIds.VersionNotFound, CvErrorKind.NotFound,
            $"The image behind tag '{tag}' of '{repository}' has no tag that matches versionSyntax '{syntax.Pattern}'.",
            "Also push the image under a version tag, or correct versionSyntax.") { Target = $"{repository}:{tag}" };

    /// <param name="Version">Null where it is known that there is none.</param>
    private readonly record struct Known(bool IsKnown, string? Version);

    private sealed record Search(IRegistry Registry, ImageRepository Repository, string Digest, VersionSyntax Syntax, HashSet<string> Moving)
    {
        public Task<IReadOnlyList<string>> CandidatesAsync(IEnumerable<string> tags, CancellationToken cancellationToken) =>
            Syntax.MatchingAsync(tags.Where(t => !Moving.Contains(t)), cancellationToken);
    }
}
