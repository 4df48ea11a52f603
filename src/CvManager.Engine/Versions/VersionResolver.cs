using CvManager.Registries;
using CvManager.Resources;
using CvManager.Scheduling;
using Microsoft.Extensions.Logging;

namespace CvManager.Versions;

/// <summary>
/// Resolves tags to versions (R1): one request for the digest, and further requests only if the version of the digest is not cached.
/// </summary>
/// <param name="registries">The registries with one credential; results are not shared with other credentials.</param>
/// <param name="tagCache">The cache of version tags for this credential.</param>
/// <param name="logger">Receives each unreadable tag once; null for no logging.</param>
public sealed class VersionResolver(IRegistryCatalog registries, IVersionTagCache tagCache, TimeProvider time, ILogger? logger = null)
    : IVersionResolver
{
    /// <summary>Each matching tag takes a request: with more than this, the version syntax is considered a mistake.</summary>
    private const int MaxCandidates = 20_000;

    /// <summary>After this many failures, the registry is assumed to fail for all tags of the repository.</summary>
    private const int MaxFailures = 16;

    private const int ParallelLookups = 8;

    private static readonly string[] VersionLabels = ["org.opencontainers.image.version", "org.opencontainers.image.revision"];

    private readonly Candidates _candidates = new(tagCache, logger);
    private readonly PolicyResolver _policies = new(tagCache, new Candidates(tagCache, logger));

    // Cached versions of digests; null if the image has no version tag and the default syntax applies.
    private readonly BoundedMap<(ImageRepository Repository, string Digest, string Syntax), string?> _versions = new(50_000);

    // Hints that the registry confirmed. Not in the cache of versions, because a better version tag may exist.
    private readonly BoundedSet<(ImageRepository Repository, string Digest, string Tag)> _confirmed = new(20_000);

    // Digests without a version by minute: repeated calls get the same result without requests.
    private readonly BoundedSet<(ImageRepository Repository, string Digest, string Syntax, long Minute)> _withoutVersion = new(10_000);

    // Digests that are complete images; the content of a digest never changes.
    private readonly BoundedSet<(ImageRepository Repository, string Digest)> _complete = new(10_000);

    // Concurrent calls for the same image search once (R11).
    private readonly KeyedLock<(ImageRepository Repository, string Digest)> _locks = new();

    public async Task<TagDigest> FindTagAsync(ImageRepository repository, Followed followed, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(repository);
        var registry = registries.For(repository);
        if (followed is FollowedPolicy policy)
            return await _policies.FindAsync(registry, repository, VersionPolicy.Of(policy), cancellationToken);
        var tag = followed.ToString();
        if (await registry.FindTagAsync(repository, tag, cancellationToken) is { } found)
            return found;
        await ThrowIfRepositoryMissingAsync(registry, repository, cancellationToken);
        throw RegistryErrors.TagNotFound(repository, tag);
    }

    public async Task<ResolvedVersion> ResolveAsync(
        ImageRepository repository,
        Followed followed,
        string? versionSyntax,
        IReadOnlyCollection<string> followedTags,
        CancellationToken cancellationToken
    )
    {
        // Validate before any request.
        _ = VersionSyntax.Of(versionSyntax);
        var found = await FindTagAsync(repository, followed, cancellationToken);
        return await ResolveAsync(repository, followed, found, time.GetUtcNow(), versionSyntax, followedTags, null, cancellationToken);
    }

    public async Task<ResolvedVersion> ResolveAsync(
        ImageRepository repository,
        Followed followed,
        TagDigest found,
        DateTimeOffset seenAt,
        string? versionSyntax,
        IReadOnlyCollection<string> followedTags,
        string? hint,
        CancellationToken cancellationToken
    )
    {
        ArgumentNullException.ThrowIfNull(repository);
        ArgumentNullException.ThrowIfNull(found);
        ArgumentNullException.ThrowIfNull(followedTags);
        if (found.ChosenTag is { } chosen)
            return new ResolvedVersion(followed, found.Digest, chosen, seenAt);
        if (found.ArtifactType is { } type)
            throw RegistryErrors.NoImageConfiguration(repository, followed.ToString(), type);
        var syntax = VersionSyntax.Of(versionSyntax);
        if (hint == found.Digest && syntax.IsDefault && found.ImageTags is null)
            return new ResolvedVersion(followed, found.Digest, found.Digest, seenAt);
        var registry = registries.For(repository);

        var moving = new HashSet<string>(followedTags, StringComparer.Ordinal) { followed.ToString() };
        var search = new Search(registry, repository, found.Digest, syntax, moving);
        var known = await FindKnownAsync(search, found.ImageTags, cancellationToken);
        if (!IsComplete(repository, found) || !known.IsKnown)
        {
            using KeyedLock<(ImageRepository, string)>.Releaser held = await _locks.AcquireAsync(
                (repository, found.Digest),
                cancellationToken
            );
            // A confirmed hint was checked for completeness when it was first found.
            if (!known.IsKnown && hint is not null && await IsConfirmedAsync(search, hint, cancellationToken))
                return new ResolvedVersion(followed, found.Digest, hint, seenAt);
            // A tag may be moved before the images of all platforms are pushed, or after they were deleted.
            if (!IsComplete(repository, found))
            {
                await registry.RequireCompleteAsync(repository, found.Digest, cancellationToken);
                _complete.Add((repository, found.Digest));
            }

            // The previous holder of the lock may have found it.
            known = await FindKnownAsync(search, found.ImageTags, cancellationToken);
            if (!known.IsKnown)
                known = new Known(true, await FindVersionAsync(search, cancellationToken));
        }

        if (known.Version is null && !syntax.IsDefault)
        {
            _withoutVersion.Add(WithoutVersionKey(search));
            throw VersionNotFound(repository, followed, syntax);
        }

        return new ResolvedVersion(followed, found.Digest, known.Version ?? found.Digest, seenAt);
    }

    public async Task<ResolvedVersion> ResolvePinAsync(
        ImageRepository repository,
        Followed followed,
        string pinned,
        CancellationToken cancellationToken
    )
    {
        ArgumentNullException.ThrowIfNull(repository);
        ArgumentNullException.ThrowIfNull(pinned);
        var seenAt = time.GetUtcNow();
        if (pinned.StartsWith("sha256:", StringComparison.Ordinal))
            return new ResolvedVersion(followed, pinned, pinned, seenAt);
        if (tagCache.DigestOf(repository, pinned) is not { } digest)
        {
            var found =
                await registries.For(repository).FindTagAsync(repository, pinned, cancellationToken)
                ?? throw new CvException(
                    ErrorIds.RegistryVersionNotFound,
                    CvErrorKind.NotFound,
                    $"Version '{pinned}' of spec.pinVersion not found in '{repository}'.",
                    "Pin an existing version, or follow the tag again: Resume-ContainerVersion."
                )
                {
                    Target = $"{repository}:{pinned}",
                };
            digest = found.Digest;
            tagCache.Add(repository, pinned, digest);
        }

        return new ResolvedVersion(followed, digest, pinned, seenAt);
    }

    private bool IsComplete(ImageRepository repository, TagDigest found) =>
        !found.IsIndex || _complete.Contains((repository, found.Digest));

    /// <summary>The version as far as it is known without requests; null if it is known that there is none.</summary>
    private async ValueTask<Known> FindKnownAsync(Search search, IReadOnlyList<string>? imageTags, CancellationToken cancellationToken)
    {
        // If the response contains all tags of the image, no search is necessary.
        if (imageTags is not null)
            return new Known(true, await search.CandidatesAsync(imageTags, cancellationToken) is [string best, ..] ? best : null);
        if (_versions.TryGetValue(VersionKey(search), out var version) && (version is null || !search.Moving.Contains(version)))
            return new Known(true, version);
        return new Known(!search.Syntax.IsDefault && _withoutVersion.Contains(WithoutVersionKey(search)), null);
    }

    private async Task<bool> IsConfirmedAsync(Search search, string hint, CancellationToken cancellationToken)
    {
        if (!ImageReference.IsTag(hint) || search.Moving.Contains(hint) || !search.Syntax.IsVersion(hint))
            return false;
        if (_confirmed.Contains((search.Repository, search.Digest, hint)))
            return true;
        try
        {
            if ((await search.Registry.FindTagAsync(search.Repository, hint, cancellationToken))?.Digest != search.Digest)
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
        var version = await FindByLabelsAsync(search, cancellationToken) ?? await FindInListAsync(search, cancellationToken);
        if (version is not null || search.Syntax.IsDefault)
            _versions.Set(VersionKey(search), version);
        return version;
    }

    // The default syntax has its own key: unlike the same expression specified explicitly, it allows the result "no version".
    private static (ImageRepository, string, string) VersionKey(Search search) =>
        (search.Repository, search.Digest, search.Syntax.IsDefault ? "" : search.Syntax.Pattern);

    private (ImageRepository, string, string, long) WithoutVersionKey(Search search) =>
        (search.Repository, search.Digest, search.Syntax.Pattern, time.GetUtcNow().Ticks / TimeSpan.TicksPerMinute);

    private async Task<string?> FindByLabelsAsync(Search search, CancellationToken cancellationToken)
    {
        var labels = await search.Registry.ReadLabelsAsync(search.Repository, search.Digest, cancellationToken);
        var named = VersionLabels.Select(l => labels.GetValueOrDefault(l)).OfType<string>().Where(ImageReference.IsTag);
        foreach (var candidate in await search.CandidatesAsync(named.Distinct(StringComparer.Ordinal), cancellationToken))
        {
            // A label states how the image was built, not how it was tagged: verify the digest.
            if ((await _candidates.ReadAsync(search.Registry, search.Repository, candidate, cancellationToken)).Digest == search.Digest)
                return candidate;
        }

        return null;
    }

    private async Task<string?> FindInListAsync(Search search, CancellationToken cancellationToken)
    {
        // Completely: never act on a partial list.
        Dictionary<string, string?> tags = new(StringComparer.Ordinal);
        try
        {
            await foreach (var tag in search.Registry.ListTagsAsync(search.Repository, cancellationToken))
                tags[tag.Tag] = tag.Digest;
        }
        catch (CvException e) when (e.Kind is CvErrorKind.Forbidden or CvErrorKind.Unauthenticated or CvErrorKind.NotSupported)
        {
            throw new CvException(
                e.ErrorId,
                e.Kind,
                $"Could not list the tags, which is required to find the image's version: {e.Message}",
                $"{e.Remedy} Or build images with the label {VersionLabels[0]}, which makes the list unnecessary.",
                e
            )
            {
                Target = e.Target,
            };
        }

        var candidates = await search.CandidatesAsync(tags.Keys, cancellationToken);
        foreach (var candidate in candidates)
        {
            if (tags[candidate] is { } digest)
                tagCache.Add(search.Repository, candidate, digest);
        }

        var unseen = candidates.Count(t => tagCache.DigestOf(search.Repository, t) is null);
        if (unseen > MaxCandidates)
        {
            throw new CvException(
                ErrorIds.VersionSyntaxTooBroad,
                CvErrorKind.Invalid,
                $"{Counted.Of(unseen, "tag")} of '{search.Repository}' match versionSyntax '{search.Syntax.Pattern}'; "
                    + $"at most {MaxCandidates} are read, one request each.",
                $"Set a narrower versionSyntax, delete old tags, or build images with the label {VersionLabels[0]}."
            )
            {
                Target = search.Repository.ToString(),
            };
        }

        return await FindFirstAsync(search, candidates, cancellationToken);
    }

    /// <summary>
    /// The first tag that points at the image. Unreadable tags are skipped; if no other tag is found, the first error is thrown.
    /// </summary>
    private async Task<string?> FindFirstAsync(Search search, IReadOnlyList<string> bestFirst, CancellationToken cancellationToken)
    {
        using var found = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Queue<(string Tag, Task<Candidate> Read)> ahead = [];
        CvException? firstError = null;
        var failures = 0;
        try
        {
            foreach (var tag in bestFirst)
            {
                ahead.Enqueue((tag, ReadAsync(search, tag, found.Token)));
                if (ahead.Count >= ParallelLookups && await NextAsync() is { } early)
                    return early;
            }

            while (ahead.Count > 0)
            {
                if (await NextAsync() is { } late)
                    return late;
            }
        }
        finally
        {
            // Cancel the remaining lookups.
            await found.CancelAsync();
            await ((Task)Task.WhenAll(ahead.Select(a => a.Read))).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        return firstError is null ? null : throw firstError;

        async Task<string?> NextAsync()
        {
            (var tag, var read) = ahead.Dequeue();
            var candidate = await read;
            if (candidate.Error is { } error && !candidate.IsNotAnImage)
                firstError ??= error;
            if (candidate.Error is { IsTransient: true } failure && ++failures >= MaxFailures)
                throw failure;
            return candidate.Digest == search.Digest ? tag : null;
        }
    }

    private async Task<Candidate> ReadAsync(Search search, string tag, CancellationToken cancellationToken) =>
        tagCache.DigestOf(search.Repository, tag) is { } digest
            ? new Candidate(digest)
            : await _candidates.ReadAsync(search.Registry, search.Repository, tag, cancellationToken);

    /// <summary>
    /// HEAD returns the same status for a missing tag and a missing repository; listing distinguishes them, if it is permitted.
    /// </summary>
    private static async Task ThrowIfRepositoryMissingAsync(
        IRegistry registry,
        ImageRepository repository,
        CancellationToken cancellationToken
    )
    {
        try
        {
            await foreach (var _ in registry.ListTagsAsync(repository, cancellationToken))
                return;
        }
        catch (CvException e)
            when (e.Kind is CvErrorKind.Forbidden or CvErrorKind.Unauthenticated or CvErrorKind.NotSupported or CvErrorKind.Invalid)
        {
            // The caller reports the error of its own request.
        }
    }

    private static CvException VersionNotFound(ImageRepository repository, Followed followed, VersionSyntax syntax) =>
        new(
            ErrorIds.VersionNotFound,
            CvErrorKind.NotFound,
            $"The image behind tag '{followed}' of '{repository}' has no tag that matches versionSyntax '{syntax.Pattern}'.",
            "Also push the image under a version tag, or correct versionSyntax."
        )
        {
            Target = $"{repository}:{followed}",
        };

    /// <param name="Version">Null if it is known that there is none.</param>
    private readonly record struct Known(bool IsKnown, string? Version);

    private sealed record Search(
        IRegistry Registry,
        ImageRepository Repository,
        string Digest,
        VersionSyntax Syntax,
        HashSet<string> Moving
    )
    {
        public Task<IReadOnlyList<string>> CandidatesAsync(IEnumerable<string> tags, CancellationToken cancellationToken) =>
            Syntax.MatchingAsync(tags.Where(t => !Moving.Contains(t)), cancellationToken);
    }
}
