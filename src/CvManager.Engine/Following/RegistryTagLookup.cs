using System.Collections.Concurrent;
using CvManager.Registries;
using CvManager.Resources;

namespace CvManager.Following;

/// <summary>Reads tags for the poller: each repository with the login of its followers. Thread-safe.</summary>
internal sealed class RegistryTagLookup(RegistryLogins logins, TimeProvider time) : ITagLookup
{
    /// <summary>The time limit of one call; tags that were not read by then are retried.</summary>
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(2);

    private const int ParallelLookups = 8;

    public int TagsPerRequest(TagRepository repository) => LoginOf(repository).Registries.For(repository.Repository).TagsPerRequest;

    public async Task<IReadOnlyDictionary<Followed, TagState>> ReadTagsAsync(
        TagRepository repository,
        IReadOnlyList<Followed> tags,
        CancellationToken cancellationToken
    )
    {
        var login = LoginOf(repository);
        var named = repository.Repository;
        var registry = login.Registries.For(named);
        using CancellationTokenSource late = new(Limit, time);
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(late.Token, cancellationToken);
        ConcurrentDictionary<Followed, TagState> answers = [];
        FollowedTag[] plain = [.. tags.OfType<FollowedTag>()];
        if (registry.TagsPerRequest > 1 && plain.Length > 0)
        {
            await GuardAsync(
                plain,
                async () =>
                {
                    var found = await registry.FindTagsAsync(named, [.. plain.Select(tag => tag.Name)], ended.Token);
                    foreach (var tag in plain)
                        answers[tag] = Observed(named, tag.Name, found.GetValueOrDefault(tag.Name));
                }
            );
        }

        // The failure of one tag does not affect the others.
        Queue<Task> ahead = [];
        foreach (var followed in tags.Where(tag => !answers.ContainsKey(tag)))
        {
            ahead.Enqueue(
                GuardAsync(
                    [followed],
                    async () =>
                        answers[followed] = followed is FollowedTag { Name: var tag }
                            ? Observed(named, tag, await registry.FindTagAsync(named, tag, ended.Token))
                            : TagState.Of(await login.Versions.FindTagAsync(named, followed, ended.Token))
                )
            );
            if (ahead.Count >= ParallelLookups)
                await ahead.Dequeue();
        }

        await Task.WhenAll(ahead);
        return answers;

        async Task GuardAsync(IReadOnlyList<Followed> asked, Func<Task> ask)
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
                answers[tag] = TagState.Failed(error);
        }
    }

    private RegistryLogin LoginOf(TagRepository repository) =>
        logins.Find(repository.Login)
        ?? throw new CvException(
            ErrorIds.RegistryLoginChanged,
            CvErrorKind.Unavailable,
            $"The credentials for '{repository.Repository}' changed while its tags were being read.",
            "No action required: the tags are read again with the new credentials."
        )
        {
            Target = repository.Repository.ToString(),
        };

    /// <summary>A missing tag and a missing repository look the same: distinguishing them would cost a request for each poll.</summary>
    private static TagState Observed(ImageRepository repository, string tag, TagDigest? found) =>
        found is null ? TagState.Failed(RegistryErrors.TagNotFound(repository, tag)) : TagState.Of(found);
}
