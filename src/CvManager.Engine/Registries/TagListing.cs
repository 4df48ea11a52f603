using System.Runtime.CompilerServices;

namespace CvManager.Registries;

/// <summary>Lists tags with what they point at, a bounded number of lookups ahead of the reader.</summary>
public static class TagListing
{
    private const int LookupsAhead = 8;

    /// <summary>
    /// The tags that <paramref name="wanted"/> lets through, in the registry's order, as they become known. One that is removed meanwhile
    /// is left out. Costs a request for each where the registry's list has no digests.
    /// </summary>
    /// <param name="unreadable">Gets the tags that cannot be read (an artifact, one that is blocked): the others are listed all the same.</param>
    public static async IAsyncEnumerable<KeyValuePair<string, string>> ListWithDigestsAsync(
        this IRegistry registry, ImageRepository repository, Func<string, bool> wanted, Func<CvException, Task> unreadable, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(registry);
        ArgumentNullException.ThrowIfNull(wanted);
        ArgumentNullException.ThrowIfNull(unreadable);
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var ahead = new Queue<Task<KeyValuePair<string, string?>>>();
        try
        {
            await foreach (RegistryTag tag in registry.ListTagsAsync(repository, ended.Token).ConfigureAwait(false))
            {
                if (!wanted(tag.Tag))
                    continue;
                ahead.Enqueue(LookUpAsync(registry, repository, tag, unreadable, ended.Token));
                if (ahead.Count >= LookupsAhead && await ahead.Dequeue().ConfigureAwait(false) is { Value: string digest } known)
                    yield return new(known.Key, digest);
            }

            while (ahead.TryDequeue(out Task<KeyValuePair<string, string?>>? next))
            {
                if (await next.ConfigureAwait(false) is { Value: string digest } known)
                    yield return new(known.Key, digest);
            }
        }
        finally
        {
            // The reader has enough, or one lookup failed: the others' outcomes interest nobody any more.
            await ended.CancelAsync().ConfigureAwait(false);
            await ((Task)Task.WhenAll(ahead)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private static async Task<KeyValuePair<string, string?>> LookUpAsync(
        IRegistry registry, ImageRepository repository, RegistryTag tag, Func<CvException, Task> unreadable, CancellationToken cancellationToken)
    {
        try
        {
            return new(tag.Tag, tag.Digest ?? (await registry.FindTagAsync(repository, tag.Tag, cancellationToken).ConfigureAwait(false))?.Digest);
        }
        catch (CvException e) when (e.Kind is not (CvErrorKind.Unauthenticated or CvErrorKind.LimitExceeded))
        {
            await unreadable(e).ConfigureAwait(false);
            return new(tag.Tag, null);
        }
    }
}
