using System.Collections.Concurrent;
using CvManager.Registries;

namespace CvManager.Following;

/// <summary>Reads tags for the poller: each repository with the login of its followers. Thread-safe.</summary>
internal sealed class RegistryTagLookup(RegistryLogins logins, TimeProvider time) : ITagLookup
{
    /// <summary>The time limit of one call; tags that were not read by then are retried.</summary>
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(2);

    private const int ParallelLookups = 8;

    public int TagsPerRequest(TagRepository repository) => Find(repository).Registry.TagsPerRequest;

    public async Task<IReadOnlyDictionary<string, TagObservation>> ReadTagsAsync(
        TagRepository repository,
        IReadOnlyList<string> tags,
        CancellationToken cancellationToken
    )
    {
        (var login, var registry, var named) = Find(repository);
        using CancellationTokenSource late = new(Limit, time);
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(late.Token, cancellationToken);
        ConcurrentDictionary<string, TagObservation> answers = new(StringComparer.Ordinal);
        string[] plain = [.. tags.Where(tag => !IsPolicy(tag))];
        if (registry.TagsPerRequest > 1 && plain.Length > 0)
        {
            await GuardAsync(
                plain,
                async () =>
                {
                    var found = await registry.FindTagsAsync(named, plain, ended.Token);
                    foreach (var tag in plain)
                        answers[tag] = Observed(named, tag, found.GetValueOrDefault(tag));
                }
            );
        }

        // The failure of one tag does not affect the others.
        Queue<Task> ahead = [];
        foreach (var tag in tags.Where(tag => !answers.ContainsKey(tag)))
        {
            ahead.Enqueue(
                GuardAsync(
                    [tag],
                    async () =>
                        answers[tag] = IsPolicy(tag)
                            ? TagObservation.Of(await login.Versions.FindTagAsync(named, tag, ended.Token))
                            : Observed(named, tag, await registry.FindTagAsync(named, tag, ended.Token))
                )
            );
            if (ahead.Count >= ParallelLookups)
                await ahead.Dequeue();
        }

        await Task.WhenAll(ahead);
        return answers;

        async Task GuardAsync(IReadOnlyList<string> asked, Func<Task> ask)
        {
            CvException error;
            try
            {
                await ask();
                return;
            }
            catch (CvException e)
            {
                error = e;
            }
            catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
            {
                error = RegistryErrors.TimedOut(named, Limit, e);
            }

            foreach (var tag in asked)
                answers[tag] = TagObservation.Failed(error);
        }
    }

    /// <summary>True for a version policy, which requires a listing of the tags; a tag cannot contain a colon.</summary>
    internal static bool IsPolicy(string tag) => tag.Contains(':', StringComparison.Ordinal);

    private (RegistryLogin Login, IRegistry Registry, ImageRepository Repository) Find(TagRepository repository)
    {
        var named = ImageRepository.Parse($"{repository.Registry}/{repository.Repository}");
        var login =
            logins.Find(repository.Login)
            ?? throw new CvException(
                ErrorIds.RegistryLoginChanged,
                CvErrorKind.Unavailable,
                $"The credentials for '{named}' changed while its tags were being read.",
                "No action required: the tags are read again with the new credentials."
            )
            {
                Target = named.ToString(),
            };
        return (login, login.Registries.For(named), named);
    }

    /// <summary>A missing tag and a missing repository look the same: distinguishing them would cost a request for each poll.</summary>
    private static TagObservation Observed(ImageRepository repository, string tag, TagDigest? found) =>
        found is null ? TagObservation.Failed(RegistryErrors.TagNotFound(repository, tag)) : TagObservation.Of(found);
}
