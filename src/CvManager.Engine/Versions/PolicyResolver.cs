using System.Collections.Concurrent;
using System.Globalization;
using CvManager.Registries;

namespace CvManager.Versions;

/// <summary>
/// Finds the version tag that a policy selects. Lists the tags once per call; further requests only for what is not cached (the digest of
/// the selected tag; for the policy newest, build times that the list does not contain). Thread-safe.
/// </summary>
internal sealed class PolicyResolver(IVersionTagCache tagCache, Candidates candidates)
{
    /// <summary>Each candidate takes requests: with more than this, the policy is considered a mistake.</summary>
    private const int MaxCandidates = 2000;

    private const int MaxBuildTimes = 50_000;
    private const int ParallelLookups = 8;

    /// <summary>
    /// The first release of Docker. Earlier build times are not real: reproducible builds set 1970, 1980 or the year 1 (SOURCE_DATE_EPOCH).
    /// </summary>
    private static readonly DateTimeOffset FirstImage = new(2013, 3, 20, 0, 0, 0, TimeSpan.Zero);

    private readonly ConcurrentDictionary<(ImageRepository Repository, string Digest), DateTimeOffset> _built = new();

    // Digests that were selected before and are complete; the content of a digest never changes.
    private readonly BoundedSet<(ImageRepository Repository, string Digest)> _complete = new(10_000);

    /// <summary>The selected tag and its digest. Throws if it is an index with missing images, or not an image.</summary>
    /// <exception cref="CvException">
    /// <c>VersionNotFound</c>, <c>VersionPolicyTooBroad</c>, <c>VersionPolicyUndecided</c> (several tags rank equally),
    /// <c>VersionSyntaxTimeout</c>, and those of <see cref="IRegistry"/>.
    /// </exception>
    public async Task<TagDigest> FindAsync(
        IRegistry registry,
        ImageRepository repository,
        VersionPolicy policy,
        CancellationToken cancellationToken
    )
    {
        // Completely: never act on a partial list (R1).
        Dictionary<string, RegistryTag> tags = new(StringComparer.Ordinal);
        await foreach (var tag in registry.ListTagsAsync(repository, cancellationToken))
        {
            if (tag.ArtifactType is null)
                tags[tag.Tag] = tag;
        }

        var choice = policy.Newest is { } syntax
            ? await FindNewestAsync(
                registry,
                repository,
                [.. (await syntax.MatchingAsync(tags.Keys, cancellationToken)).Select(t => tags[t])],
                policy,
                cancellationToken
            )
            : await policy.ChooseAsync(tags.Keys, cancellationToken);
        if (choice.Tags.Count == 0)
        {
            throw new CvException(
                ErrorIds.VersionNotFound,
                CvErrorKind.NotFound,
                $"No tag of '{repository}' satisfies the version policy '{policy}' ({Counted.Of(tags.Count, "tag")} in all). {choice.Why}",
                "Push a version that satisfies it, or correct spec.versionPolicy."
            )
            {
                Target = repository.ToString(),
            };
        }

        if (choice.Tags.Count > MaxCandidates)
            throw Ambiguous(repository, policy, choice.Tags, "rank equally");
        TagDigest? found = null;
        foreach (var best in choice.Tags)
        {
            var next = await ReadAsync(registry, repository, best, tags[best].Digest, cancellationToken);
            // Several tags of the same image are not ambiguous.
            if (found is not null && next.Digest != found.Digest)
                throw Ambiguous(repository, policy, choice.Tags, "rank equally but are different images");
            found ??= next;
        }

        // Most lists do not contain the artifact type: a chart may have a version tag, too.
        if (!_complete.Contains((repository, found!.Digest)))
            await registry.RequireCompleteAsync(repository, found.Digest, cancellationToken);
        var chosen = choice.Tags.OrderByDescending(t => t.Length).ThenBy(t => t, StringComparer.Ordinal).First();
        tagCache.Add(repository, chosen, found.Digest);
        _complete.Add((repository, found.Digest));
        return new TagDigest(found.Digest, ChosenTag: chosen);
    }

    /// <summary>The digest of a tag; no request if it was selected before.</summary>
    private async Task<TagDigest> ReadAsync(
        IRegistry registry,
        ImageRepository repository,
        string tag,
        string? listed,
        CancellationToken cancellationToken
    ) =>
        tagCache.DigestOf(repository, tag) is { } known && (listed is null || listed == known) && _complete.Contains((repository, known))
            ? new TagDigest(known)
            : await registry.FindTagAsync(repository, tag, cancellationToken) ?? throw RegistryErrors.TagNotFound(repository, tag);

    private async Task<PolicyChoice> FindNewestAsync(
        IRegistry registry,
        ImageRepository repository,
        List<RegistryTag> versions,
        VersionPolicy policy,
        CancellationToken cancellationToken
    )
    {
        ConcurrentDictionary<string, DateTimeOffset> times = new(StringComparer.Ordinal);
        List<RegistryTag> unknown = [];
        foreach (var version in versions)
        {
            if (version.PushedAt is { } pushed)
                times[version.Tag] = pushed;
            else
                unknown.Add(version);
        }

        if (unknown.Count > MaxCandidates)
        {
            throw new CvException(
                ErrorIds.VersionPolicyTooBroad,
                CvErrorKind.Invalid,
                $"The version policy '{policy}' matches {Counted.Of(unknown.Count, "tag")} of '{repository}' whose push time the registry does "
                    + "not report; "
                    + $"at most {MaxCandidates} are read.",
                "Set a narrower spec.versionSyntax, delete old tags, or follow a tag."
            )
            {
                Target = repository.ToString(),
            };
        }

        await Parallel.ForEachAsync(
            unknown,
            new ParallelOptions { MaxDegreeOfParallelism = ParallelLookups, CancellationToken = cancellationToken },
            async (version, token) =>
            {
                if (await FindBuildTimeAsync(registry, repository, version, token) is { } built)
                    times[version.Tag] = built;
            }
        );
        if (times.IsEmpty)
            return new PolicyChoice(
                [],
                versions.Count == 0 ? "None of them matches versionSyntax." : "The tags that match versionSyntax could not be read."
            );
        // An image without a build time may be the newest: selecting another one would be a guess.
        List<string> undated = [.. times.Where(t => t.Value < FirstImage).Select(t => t.Key)];
        if (undated.Count > 0 && times.Count > 1)
            throw Ambiguous(repository, policy, undated, "have no build time (reproducible builds set a fixed one)");
        var newest = times.Values.Max();
        return new PolicyChoice([.. times.Where(t => t.Value == newest).Select(t => t.Key)], "");
    }

    /// <summary>
    /// The build time of the image; MinValue if unknown, null if the tag was deleted or is not an image that can be pulled.
    /// </summary>
    /// <exception cref="CvException">The image temporarily cannot be read, and may be the newest.</exception>
    private async Task<DateTimeOffset?> FindBuildTimeAsync(
        IRegistry registry,
        ImageRepository repository,
        RegistryTag tag,
        CancellationToken cancellationToken
    )
    {
        var digest = tag.Digest ?? tagCache.DigestOf(repository, tag.Tag);
        if (digest is null)
        {
            var read = await candidates.ReadAsync(registry, repository, tag.Tag, cancellationToken);
            if (read.Error is { IsTransient: true } error)
                throw error;
            if (read.Digest is null)
                return null;
            digest = read.Digest;
        }

        if (_built.TryGetValue((repository, digest), out var known))
            return known;
        IReadOnlyDictionary<string, string> labels;
        try
        {
            labels = await registry.ReadLabelsAsync(repository, digest, cancellationToken);
        }
        catch (CvException e)
            when (e.Kind is CvErrorKind.Invalid or CvErrorKind.NotSupported or CvErrorKind.Forbidden or CvErrorKind.NotFound)
        {
            candidates.Skip(repository, tag.Tag, e);
            return null;
        }

        var built =
            labels.TryGetValue(IRegistry.CreatedLabel, out var created)
            && DateTimeOffset.TryParse(created, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time)
                ? time
                : DateTimeOffset.MinValue;
        if (_built.Count >= MaxBuildTimes)
            _built.Clear();
        _built[(repository, digest)] = built;
        return built;
    }

    private static CvException Ambiguous(ImageRepository repository, VersionPolicy policy, IReadOnlyList<string> tags, string why)
    {
        var names =
            string.Join(", ", tags.Order(StringComparer.Ordinal).Take(5).Select(t => $"'{t}'"))
            + (tags.Count > 5 ? $" and {tags.Count - 5} more" : "");
        return new CvException(
            ErrorIds.VersionPolicyUndecided,
            CvErrorKind.Conflict,
            $"The version policy '{policy}' is ambiguous in '{repository}': {names} {why}.",
            "Follow a tag, or use a policy that distinguishes them: semver, or regex with an increasing number. "
                + "Otherwise delete the unwanted tags, or exclude them with spec.versionSyntax."
        )
        {
            Target = repository.ToString(),
        };
    }
}
