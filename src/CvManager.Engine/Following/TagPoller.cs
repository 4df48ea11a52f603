using CvManager.Registries;
using CvManager.Resources;
using CvManager.Scheduling;
using Microsoft.Extensions.Logging;

namespace CvManager.Following;

/// <summary>The options of a <see cref="TagPoller"/>.</summary>
internal sealed record TagPollerOptions
{
    /// <summary>The delay after a poll with a transient failure; never longer than the poll interval.</summary>
    public ExponentialBackoff Backoff { get; init; } = new(TimeSpan.FromSeconds(5), TimeSpan.FromMinutes(5));

    /// <summary>The minimum time between two polls of one tag, however often <see cref="TagPoller.PollNow"/> is called.</summary>
    public TimeSpan MinPollSpacing { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>The time limit of a poll: after that it has failed, even if the lookup does not end.</summary>
    public TimeSpan PollLimit { get; init; } = TimeSpan.FromMinutes(3);
}

/// <summary>
/// Polls every followed tag once in its poll interval, and wakes its followers when it moves (R11, R12).
/// </summary>
/// <remarks>
/// <para>Contract:</para>
/// <list type="bullet">
/// <item>A tag is polled once, however many followers it has; the shortest of their intervals counts.</item>
/// <item>The first poll is immediate. The second happens at a random moment within the interval, and after that the interval is exact:
/// polls are spread out, and no change is detected later than one interval. A poll that is much too late is spread again.</item>
/// <item>If one request can read several tags, the tags of a repository are polled together.</item>
/// <item>A repository is polled by one call at a time, so that observations of a tag are in order. Repositories do not wait for each other,
/// nor for their own version policies, each of which has to list the tags.</item>
/// <item>A poll that does not end is abandoned, and one that throws has failed: there is always a next one.</item>
/// <item><see cref="PollNow"/> during a poll causes another poll.</item>
/// <item>Followers are woken when the digest changes, and when polls begin to fail, fail with another error, or recover.</item>
/// </list>
/// <para>Thread-safe. Followers are woken outside the lock. Memory is proportional to the number of followed tags.</para>
/// </remarks>
internal sealed partial class TagPoller : IDisposable
{
    private readonly object _gate = new();
    private readonly Dictionary<string, Repository> _repositories = new(StringComparer.Ordinal);
    private readonly Dictionary<string, (Tag Tag, TimeSpan Interval)> _following = new(StringComparer.Ordinal);
    private readonly ITagLookup _registry;
    private readonly Action<string> _wake;
    private readonly TimeProvider _time;
    private readonly Random _random;
    private readonly TagPollerOptions _options;
    private readonly ILogger _logger;
    private readonly WorkQueue _queue;
    private long? _readAt;

    /// <param name="registry">Reads the tags.</param>
    /// <param name="wake">Called with the key of each follower to wake; must be fast and must not throw.</param>
    /// <param name="environment">Its log gets failed polls, once for each run of failures.</param>
    /// <param name="options">Null for the defaults.</param>
    public TagPoller(ITagLookup registry, Action<string> wake, EngineEnvironment environment, TagPollerOptions? options = null)
    {
        _registry = registry;
        _wake = wake;
        _time = environment.Time;
        _random = environment.Random;
        _logger = environment.Logger;
        _options = options ?? new TagPollerOptions();
        _queue = new WorkQueue(environment, name: "tag-poller");
    }

    /// <summary>The number of distinct followed tags.</summary>
    public int TagCount
    {
        get
        {
            lock (_gate)
                return _repositories.Values.Sum(repository => repository.Tags.Count);
        }
    }

    /// <summary>How the polls of the followed tags went.</summary>
    public TagPolls Polls
    {
        get
        {
            lock (_gate)
            {
                TagPolls polls = new(0, 0, 0, _readAt is { } at ? _time.GetElapsedTime(at) : null);
                foreach (var state in _repositories.Values.SelectMany(repository => repository.Tags.Values).Select(tag => tag.State))
                {
                    polls = state switch
                    {
                        null => polls with { Pending = polls.Pending + 1 },
                        { Error: null } => polls with { Ok = polls.Ok + 1 },
                        _ => polls with { Failed = polls.Failed + 1 },
                    };
                }

                return polls;
            }
        }
    }

    /// <summary>
    /// Makes the follower follow this tag, and no other. Known facts about the tag are available from <see cref="Find"/> at once.
    /// </summary>
    public void Follow(string follower, PollTarget target, TimeSpan interval)
    {
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(interval, TimeSpan.Zero);
        lock (_gate)
        {
            if (_following.TryGetValue(follower, out var former))
            {
                if (former.Tag.Target == target && former.Interval == interval)
                    return;
                if (former.Tag.Target != target)
                    Leave(follower, former.Tag);
            }

            var key = KeyOf(target);
            if (!_repositories.TryGetValue(key, out var repository))
                _repositories.Add(key, repository = new Repository(key, target.Repository));
            if (!repository.Tags.TryGetValue(target.Followed, out var tag))
                repository.Tags.Add(target.Followed, tag = new Tag(target, repository, _time.GetTimestamp()));
            tag.Followers[follower] = interval;
            _following[follower] = (tag, interval);
            var shortest = tag.Followers.Values.Min();
            if (tag.Interval != shortest)
            {
                tag.Interval = shortest;
                if (tag.PolledAt is { } last && tag.Due != long.MaxValue)
                    tag.Due = Math.Min(tag.Due, Later(last, shortest));
            }

            Schedule(repository);
        }
    }

    /// <summary>Removes a follower.</summary>
    public void Unfollow(string follower)
    {
        lock (_gate)
        {
            if (_following.Remove(follower, out var former))
                Leave(follower, former.Tag);
        }
    }

    /// <summary>What is known about a tag; null before its first poll has ended, and if it has no followers.</summary>
    public TagState? Find(PollTarget target)
    {
        lock (_gate)
        {
            return _repositories.TryGetValue(KeyOf(target), out var repository) && repository.Tags.TryGetValue(target.Followed, out var tag)
                ? tag.State
                : null;
        }
    }

    /// <summary>
    /// Polls a tag, or every followed tag of the repository if <paramref name="tagName"/> is null, as soon as
    /// <see cref="TagPollerOptions.MinPollSpacing"/> allows, with every login.
    /// </summary>
    /// <returns>The number of matching followed tags.</returns>
    public int PollNow(ImageRepository repository, string? tagName)
    {
        var count = 0;
        lock (_gate)
        {
            foreach (var polled in _repositories.Values.Where(polled => polled.Id.Repository == repository))
            {
                foreach (var tag in polled.Tags.Values)
                {
                    if (tagName is not null && tag.Target.Followed != new FollowedTag(tagName))
                        continue;
                    count++;
                    var now = _time.GetTimestamp();
                    tag.Due = Math.Min(tag.Due, tag.PolledAt is { } last ? Math.Max(now, Later(last, _options.MinPollSpacing)) : now);
                }

                Schedule(polled);
            }
        }

        return count;
    }

    /// <summary>Polls until the token is cancelled; polls in progress are cancelled. Call once.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        try
        {
            // The number of concurrent polls is not limited here: the registry's budget limits requests, and a slow repository must not
            // block others.
            while (await _queue.DequeueAsync(cancellationToken) is { } key)
                _ = PollAsync(key, cancellationToken);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested) { }

        // Not after an exception: the poller is restarted then, and needs its queue.
        await _queue.ShutDownAsync(CancellationToken.None);
    }

    public void Dispose() => _queue.Dispose();

    /// <summary>Version policies are polled separately. A repository name cannot contain a space.</summary>
    private static string KeyOf(PollTarget target) =>
        target.Followed is FollowedPolicy ? $"{target.Repository} {target.Followed}" : target.Repository.ToString();

    /// <summary>Polls the due tags of one repository. Never throws; always completes the key.</summary>
    private async Task PollAsync(string key, CancellationToken cancellationToken)
    {
        var result = WorkResult.Failed;
        try
        {
            result = await PollRepositoryAsync(key, cancellationToken);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested) { }
        catch (Exception e)
        {
            LogUnexpected(_logger, key, e);
        }
        finally
        {
            _queue.Complete(key, result);
        }
    }

    private async Task<WorkResult> PollRepositoryAsync(string key, CancellationToken cancellationToken)
    {
        Repository? repository;
        lock (_gate)
        {
            if (!_repositories.TryGetValue(key, out repository))
                return WorkResult.Done;
        }

        var tags = Begin(repository, AnswersForSeveral(repository.Id));
        var answers =
            tags.Count == 0
                ? new Dictionary<Followed, TagState>()
                : await AskAsync(repository.Id, [.. tags.Select(tag => tag.Target.Followed)], cancellationToken);
        return End(repository, tags, answers);
    }

    private bool AnswersForSeveral(TagRepository repository)
    {
        try
        {
            return _registry.TagsPerRequest(repository) > 1;
        }
        catch (CvException)
        {
            // The poll reports the same error to the followers.
            return false;
        }
    }

    private async Task<IReadOnlyDictionary<Followed, TagState>> AskAsync(
        TagRepository repository,
        IReadOnlyList<Followed> tags,
        CancellationToken cancellationToken
    )
    {
        CvException shown;
        try
        {
            return await TimeLimit.RunAsync(
                token => _registry.ReadTagsAsync(repository, tags, token),
                _options.PollLimit,
                _time,
                cancellationToken
            );
        }
        catch (CvException e)
        {
            shown = e;
        }
        catch (TimeoutException e)
        {
            shown = new CvException(
                ErrorIds.RegistryTimeout,
                CvErrorKind.Timeout,
                $"The registry did not return the tags of {repository} within {_options.PollLimit.TotalSeconds:0} s.",
                "No action required: the request is retried.",
                e
            );
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested)
        {
            LogUnexpected(_logger, repository.ToString(), e);
            shown = new CvException(
                ErrorIds.RegistryReadFailed,
                CvErrorKind.Unavailable,
                $"The tags of {repository} could not be read: {e.Message}",
                "No action required: the request is retried.",
                e
            );
        }

        return tags.ToDictionary(tag => tag, _ => TagState.Failed(shown));
    }

    /// <summary>Takes the tags to poll now: the due ones and, if one request can read several, those that are due soon.</summary>
    private List<Tag> Begin(Repository repository, bool together)
    {
        lock (_gate)
        {
            var now = _time.GetTimestamp();
            List<Tag> tags = [.. repository.Tags.Values.Where(tag => tag.Due <= now)];
            if (together && tags.Count > 0)
                tags.AddRange(repository.Tags.Values.Where(tag => tag.Due > now && tag.Due <= Later(now, tag.Interval / 2)));

            foreach (var tag in tags)
            {
                // After a pause of the process all tags are due at once; spread them again.
                tag.Spread = tag.PolledAt is null || Later(tag.Due, tag.Interval / 10) < now;
                tag.PolledAt = now;
                tag.Due = long.MaxValue;
            }

            return tags;
        }
    }

    private WorkResult End(Repository repository, List<Tag> tags, IReadOnlyDictionary<Followed, TagState> answers)
    {
        List<string> woken = [];
        WorkResult result;
        lock (_gate)
        {
            var now = _time.GetTimestamp();
            // One random value for all of them, so that tags that are polled together stay together.
            var phase = _random.NextDouble();
            foreach (var tag in tags)
            {
                if (Note(tag, answers.TryGetValue(tag.Target.Followed, out var answer) ? answer : NotReturned(tag)))
                    woken.AddRange(tag.Followers.Keys);
                var due =
                    tag.Failures > 0
                        ? Later(now, Shorter(_options.Backoff.After(tag.Failures, _random), tag.Interval))
                        : Later(tag.PolledAt ?? now, tag.Spread ? tag.Interval * phase : tag.Interval);
                tag.Due = Math.Min(tag.Due, due);
            }

            result =
                repository.Tags.Count == 0
                    ? WorkResult.Done
                    : WorkResult.RequeueAfter(_time.GetElapsedTime(now, repository.Tags.Values.Min(tag => tag.Due)));
        }

        foreach (var follower in woken)
            _wake(follower);
        return result;
    }

    private static TagState NotReturned(Tag tag) =>
        TagState.Failed(
            new CvException(
                ErrorIds.RegistryResponseIncomplete,
                CvErrorKind.Unavailable,
                $"The registry's response does not contain {tag.Target}.",
                "No action required: the request is retried."
            )
        );

    /// <summary>Stores an observation; true if it is new to the followers.</summary>
    private bool Note(Tag tag, TagState seen)
    {
        var former = tag.State;
        if (seen.Error is not { } error)
        {
            tag.Failures = 0;
            _readAt = _time.GetTimestamp();
            tag.State = seen with { SeenAt = _time.GetUtcNow(), SeenAtTimestamp = _time.GetTimestamp() };
            if (former?.Error is not null)
                LogRecovered(_logger, tag.Target);
            return former?.Found?.Digest != seen.Found?.Digest
                || former?.Found?.ChosenTag != seen.Found?.ChosenTag
                || former?.Error is not null;
        }

        // A permanent error needs a person; polling more often than the interval does not help.
        tag.Failures = error.IsTransient ? Math.Min(tag.Failures + 1, 1000) : 0;
        var gone = error.Kind is CvErrorKind.NotFound;
        tag.State = seen with
        {
            Found = gone ? null : former?.Found,
            SeenAt = gone ? null : former?.SeenAt,
            SeenAtTimestamp = former?.SeenAtTimestamp ?? 0,
        };
        var news = former?.Error is not { } known || known.ErrorId != error.ErrorId || known.Kind != error.Kind;
        if (news)
            LogFails(_logger, tag.Target, error.Message);
        return news;
    }

    /// <summary>Removes a follower from a tag, and the tag and repository if they have no followers left.</summary>
    private void Leave(string follower, Tag tag)
    {
        tag.Followers.Remove(follower);
        if (tag.Followers.Count > 0)
        {
            tag.Interval = tag.Followers.Values.Min();
            return;
        }

        tag.Repository.Tags.Remove(tag.Target.Followed);
        if (tag.Repository.Tags.Count == 0)
            _repositories.Remove(tag.Repository.Key);
    }

    private void Schedule(Repository repository)
    {
        var due = repository.Tags.Values.Min(tag => tag.Due);
        if (due != long.MaxValue)
            _queue.EnqueueAfter(repository.Key, _time.GetElapsedTime(_time.GetTimestamp(), due));
    }

    private long Later(long timestamp, TimeSpan wait) => timestamp + (long)Math.Ceiling(wait.TotalSeconds * _time.TimestampFrequency);

    private static TimeSpan Shorter(TimeSpan one, TimeSpan other) => one < other ? one : other;

    [LoggerMessage(
        EventId = LogEvents.TagUnreadable,
        EventName = nameof(LogEvents.TagUnreadable),
        Level = LogLevel.Warning,
        Message = "{Tag} could not be read from the registry: {Reason}"
    )]
    private static partial void LogFails(ILogger logger, PollTarget tag, string reason);

    [LoggerMessage(
        EventId = LogEvents.TagReadableAgain,
        EventName = nameof(LogEvents.TagReadableAgain),
        Level = LogLevel.Information,
        Message = "{Tag} can be read from the registry again"
    )]
    private static partial void LogRecovered(ILogger logger, PollTarget tag);

    [LoggerMessage(
        EventId = LogEvents.TagPollFailed,
        EventName = nameof(LogEvents.TagPollFailed),
        Level = LogLevel.Error,
        Message = "{Repository}: unexpected error while reading its tags; retrying"
    )]
    private static partial void LogUnexpected(ILogger logger, string repository, Exception error);

    private sealed class Repository(string key, TagRepository id)
    {
        public string Key { get; } = key;

        public TagRepository Id { get; } = id;

        public Dictionary<Followed, Tag> Tags { get; } = [];
    }

    private sealed class Tag(PollTarget target, Repository repository, long due)
    {
        public PollTarget Target { get; } = target;

        public Repository Repository { get; } = repository;

        public Dictionary<string, TimeSpan> Followers { get; } = new(StringComparer.Ordinal);

        /// <summary>The shortest of the followers' intervals.</summary>
        public TimeSpan Interval { get; set; }

        /// <summary>Timestamp of the next poll; long.MaxValue during a poll unless another one was requested.</summary>
        public long Due { get; set; } = due;

        /// <summary>Timestamp of the start of the last poll.</summary>
        public long? PolledAt { get; set; }

        /// <summary>True if the next poll is at a random moment within the interval.</summary>
        public bool Spread { get; set; }

        public TagState? State { get; set; }

        /// <summary>Consecutive polls with a transient failure.</summary>
        public int Failures { get; set; }
    }
}
