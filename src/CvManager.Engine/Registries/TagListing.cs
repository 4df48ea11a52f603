using System.Runtime.CompilerServices;

namespace CvManager.Registries;

/// <summary>Lists tags with what they point at, a bounded number of lookups ahead of the reader.</summary>
public static class TagListing
{
    private const int LookupsAhead = 8;

    /// <summary>A registry that fails for so many tags one after the other fails for all of them.</summary>
    private const int MostFailures = 16;

    /// <summary>
    /// The tags that <paramref name="wanted"/> lets through, in the registry's order, as they become known. One that is removed meanwhile
    /// is left out. Costs a request for each where the registry's list has no digests.
    /// </summary>
    /// <param name="unreadable">Gets, in its place, each tag that cannot be read (an artifact, one that is blocked): the others are listed all the same.</param>
    public static async IAsyncEnumerable<KeyValuePair<string, string>> ListWithDigestsAsync(
        this IRegistry registry, ImageRepository repository, Func<string, bool> wanted, Func<CvException, Task> unreadable, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(registry);
        ArgumentNullException.ThrowIfNull(wanted);
        ArgumentNullException.ThrowIfNull(unreadable);
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var ahead = new Queue<Task<Lookup>>();
        int failures = 0;
        try
        {
            await foreach (RegistryTag tag in registry.ListTagsAsync(repository, ended.Token).ConfigureAwait(false))
            {
                if (!wanted(tag.Tag))
                    continue;
                ahead.Enqueue(LookUpAsync(registry, repository, tag, ended.Token));
                if (ahead.Count >= LookupsAhead && await NextAsync().ConfigureAwait(false) is { } early)
                    yield return early;
            }

            while (ahead.Count > 0)
            {
                if (await NextAsync().ConfigureAwait(false) is { } late)
                    yield return late;
            }
        }
        finally
        {
            // The reader has enough, or one lookup failed: the others' outcomes interest nobody any more.
            await ended.CancelAsync().ConfigureAwait(false);
            await ((Task)Task.WhenAll(ahead)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        async Task<KeyValuePair<string, string>?> NextAsync()
        {
            Lookup lookup = await ahead.Dequeue().ConfigureAwait(false);
            if (lookup.Error is not { } error)
            {
                failures = 0;
                return lookup.Digest is { } digest ? new(lookup.Tag, digest) : null;
            }

            if (error.IsTransient && ++failures == MostFailures)
                throw error;
            await unreadable(RegistryErrors.OfTag(repository, lookup.Tag, error)).ConfigureAwait(false);
            return null;
        }
    }

    private static async Task<Lookup> LookUpAsync(IRegistry registry, ImageRepository repository, RegistryTag tag, CancellationToken cancellationToken)
    {
        try
        {
            return new(tag.Tag, tag.Digest ?? (await registry.FindTagAsync(repository, tag.Tag, cancellationToken).ConfigureAwait(false))?.Digest);
        }
        catch (CvException e) when (e.Kind is not (CvErrorKind.Unauthenticated or CvErrorKind.LimitExceeded))
        {
            return new(tag.Tag, null, e);
        }
    }

    /// <param name="Digest">Null where the tag is gone, or cannot be read.</param>
    private sealed record Lookup(string Tag, string? Digest, CvException? Error = null);
}
