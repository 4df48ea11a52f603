using System.Collections.Concurrent;
using System.Globalization;
using CvManager.Registries;

namespace CvManager.Versions;

/// <summary>
/// Finds the version tag that a policy wants: one listing of the tags for each look, and further requests only for what was not seen before
/// (the digest of a chosen tag; for the policy newest, when an image was built, where the listing does not tell). Thread-safe.
/// </summary>
internal sealed class PolicyResolver(ILearntTags learnt)
{
    /// <summary>More candidates than this, each of which costs requests, are no policy but a mistake.</summary>
    private const int MostCandidates = 2000;

    private const int ParallelLookups = 8;

    private readonly ConcurrentDictionary<(ImageRepository Repository, string Digest), DateTimeOffset> _built = new();

    /// <summary>The chosen tag and its digest. An index of which images are missing is refused.</summary>
    /// <exception cref="CvException"><c>VersionNotFound</c>, <c>VersionPolicyTooBroad</c>, and those of <see cref="IRegistry"/>.</exception>
    public async Task<TagDigest> FindAsync(IRegistry registry, ImageRepository repository, VersionPolicy policy, CancellationToken cancellationToken)
    {
        // To its end: nothing is concluded from a partial listing (R1).
        List<RegistryTag> tags = [];
        await foreach (RegistryTag tag in registry.ListTagsAsync(repository, cancellationToken).ConfigureAwait(false))
            tags.Add(tag);
        string? best = policy.Newest is { } syntax
            ? await FindNewestAsync(registry, repository, [.. tags.Where(t => syntax.IsVersion(t.Tag))], policy, cancellationToken).ConfigureAwait(false)
            : policy.Best(tags.Select(t => t.Tag));
        if (best is null)
        {
            throw new CvException("VersionNotFound", CvErrorKind.NotFound, $"None of the {tags.Count} tags of '{repository}' is wanted by the version policy '{policy}'.",
                "Push a version that it wants, or correct spec.versionPolicy.") { Target = repository.ToString() };
        }

        string? listed = tags.Find(t => t.Tag == best)?.Digest;
        if (learnt.DigestOf(repository, best) is { } known && (listed is null || listed == known))
            return new TagDigest(known, ChosenTag: best);
        TagDigest found = await registry.FindTagAsync(repository, best, cancellationToken).ConfigureAwait(false) ?? throw RegistryErrors.TagNotFound(repository, best);
        if (found.IsIndex)
            await registry.RequireWholeAsync(repository, found.Digest, cancellationToken).ConfigureAwait(false);
        learnt.Learn(repository, best, found.Digest);
        return new TagDigest(found.Digest, ChosenTag: best);
    }

    private async Task<string?> FindNewestAsync(IRegistry registry, ImageRepository repository, List<RegistryTag> candidates, VersionPolicy policy, CancellationToken cancellationToken)
    {
        ConcurrentDictionary<string, DateTimeOffset> times = new(StringComparer.Ordinal);
        List<RegistryTag> unknown = [];
        foreach (RegistryTag candidate in candidates)
        {
            if (candidate.PushedAt is { } pushed)
                times[candidate.Tag] = pushed;
            else
                unknown.Add(candidate);
        }

        if (unknown.Count > MostCandidates)
        {
            throw new CvException("VersionPolicyTooBroad", CvErrorKind.LimitExceeded,
                $"'{policy}' has {unknown.Count} candidates in '{repository}', and the registry does not tell when they were pushed; at most {MostCandidates} are looked at.",
                "Narrow it down with spec.versionSyntax, clean up the repository, or follow a tag.") { Target = repository.ToString() };
        }

        await Parallel.ForEachAsync(unknown, new ParallelOptions { MaxDegreeOfParallelism = ParallelLookups, CancellationToken = cancellationToken },
            async (candidate, token) => times[candidate.Tag] = await BuiltAsync(registry, repository, candidate, token).ConfigureAwait(false)).ConfigureAwait(false);
        return times.OrderByDescending(t => t.Value).ThenByDescending(t => t.Key.Length).ThenBy(t => t.Key, StringComparer.Ordinal).Select(t => t.Key).FirstOrDefault();
    }

    /// <summary>When the image was built; the beginning of time where nothing tells.</summary>
    private async Task<DateTimeOffset> BuiltAsync(IRegistry registry, ImageRepository repository, RegistryTag tag, CancellationToken cancellationToken)
    {
        string? digest = tag.Digest ?? learnt.DigestOf(repository, tag.Tag);
        if (digest is null)
        {
            TagDigest? found = await registry.FindTagAsync(repository, tag.Tag, cancellationToken).ConfigureAwait(false);
            if (found is null)
                return DateTimeOffset.MinValue;
            digest = found.Digest;
        }

        if (_built.TryGetValue((repository, digest), out DateTimeOffset known))
            return known;
        IReadOnlyDictionary<string, string> labels = await registry.ReadLabelsAsync(repository, digest, cancellationToken).ConfigureAwait(false);
        DateTimeOffset built = labels.TryGetValue(IRegistry.CreatedLabel, out string? created)
            && DateTimeOffset.TryParse(created, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out DateTimeOffset read) ? read : DateTimeOffset.MinValue;
        if (_built.Count > 50_000)
            _built.Clear();
        _built[(repository, digest)] = built;
        return built;
    }
}
