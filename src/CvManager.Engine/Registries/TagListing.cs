using System.Runtime.CompilerServices;

namespace CvManager.Registries;

/// <summary>Lists tags with their digests, prefetching a limited number.</summary>
public static class TagListing
{
    private const int LookupsAhead = 8;

    /// <summary>After this many consecutive failures, the registry is assumed to fail for all tags.</summary>
    private const int MaxFailures = 16;

    /// <summary>
    /// The tags that match <paramref name="wanted"/>, in the registry's order, as they are read. Tags that are deleted in the meantime are
    /// skipped. Takes a request per tag if the registry's list has no digests.
    /// </summary>
    /// <param name="unreadable">Receives the error of each tag that cannot be read (an artifact, a blocked image); the other tags are still
    /// listed.</param>
    public static async IAsyncEnumerable<KeyValuePair<string, string>> ListWithDigestsAsync(
        this IRegistry registry,
        ImageRepository repository,
        Func<string, bool> wanted,
        Func<CvException, Task> unreadable,
        [EnumeratorCancellation] CancellationToken cancellationToken
    )
    {
        ArgumentNullException.ThrowIfNull(registry);
        ArgumentNullException.ThrowIfNull(wanted);
        ArgumentNullException.ThrowIfNull(unreadable);
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var ahead = new Queue<Task<Lookup>>();
        var failures = 0;
        try
        {
            await foreach (var tag in registry.ListTagsAsync(repository, ended.Token))
            {
                if (!wanted(tag.Tag))
                    continue;
                ahead.Enqueue(LookUpAsync(registry, repository, tag, ended.Token));
                if (ahead.Count >= LookupsAhead && await NextAsync() is { } early)
                    yield return early;
            }

            while (ahead.Count > 0)
            {
                if (await NextAsync() is { } late)
                    yield return late;
            }
        }
        finally
        {
            // The caller stopped or a lookup failed: cancel the remaining lookups.
            await ended.CancelAsync();
            await ((Task)Task.WhenAll(ahead)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        async Task<KeyValuePair<string, string>?> NextAsync()
        {
            var lookup = await ahead.Dequeue();
            if (lookup.Error is not { } error)
            {
                failures = 0;
                return lookup.Digest is { } digest ? new(lookup.Tag, digest) : null;
            }

            if (error.IsTransient && ++failures == MaxFailures)
                throw error;
            await unreadable(RegistryErrors.ForTag(repository, lookup.Tag, error));
            return null;
        }
    }

    private static async Task<Lookup> LookUpAsync(
        IRegistry registry,
        ImageRepository repository,
        RegistryTag tag,
        CancellationToken cancellationToken
    )
    {
        try
        {
            return new(tag.Tag, tag.Digest ?? (await registry.FindTagAsync(repository, tag.Tag, cancellationToken))?.Digest);
        }
        catch (CvException e) when (e.Kind is not (CvErrorKind.Unauthenticated or CvErrorKind.LimitExceeded))
        {
            return new(tag.Tag, null, e);
        }
    }

    /// <param name="Digest">Null if the tag was deleted or could not be read.</param>
    private sealed record Lookup(string Tag, string? Digest, CvException? Error = null);
}
