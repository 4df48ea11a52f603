using CvManager.Scheduling;
using Microsoft.Extensions.Logging;

namespace CvManager.Following;

/// <summary>How a <see cref="TagPoller"/> spaces its looks.</summary>
internal sealed record TagPollerOptions
{
    /// <summary>How long a tag waits after a look that failed for a passing reason; never longer than its poll interval.</summary>
    public ExponentialBackoff Backoff { get; init; } = new(TimeSpan.FromSeconds(5), TimeSpan.FromMinutes(5));

    /// <summary>The least time between two looks at one tag, however often it is nudged.</summary>
    public TimeSpan NudgeSpacing { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>How long a look is waited for, whatever becomes of it: then it has failed, and the next one comes.</summary>
    public TimeSpan LookLimit { get; init; } = TimeSpan.FromMinutes(3);

    /// <inheritdoc cref="WorkQueueOptions.Random"/>
    public Random Random { get; init; } = Random.Shared;

    /// <inheritdoc cref="WorkQueueOptions.AllowSynchronousContinuations"/>
    public bool AllowSynchronousContinuations { get; init; }
}

/// <summary>
/// Looks at every followed tag once in its poll interval, and wakes those who follow it when it moved (R11, R12).
/// </summary>
/// <remarks>
/// <para>Contract:</para>
/// <list type="bullet">
/// <item>One look for a tag, however many follow it; the shortest of their intervals counts.</item>
/// <item>The first look is at once. The second comes at a random moment within the interval, and from then on the interval is exact:
/// looks are spread, and no change waits longer than the interval. A look that comes much too late is spread again.</item>
/// <item>Where one request answers for several tags, the tags of a repository are looked at together.</item>
/// <item>One look at a repository at a time, so that observations of a tag are in order; repositories do not wait for each other, nor for the
/// policies of their own, each of which has to read the list of tags.</item>
/// <item>A look that does not end is given up, one that throws has failed: there is always a next one.</item>
/// <item>A nudge that comes during a look causes another one.</item>
/// <item>Followers are woken when the digest is another one, and when looking begins to fail, fails in another way, or works again.</item>
/// </list>
/// <para>Thread-safe. Followers are woken outside the lock. Memory follows the number of followed tags.</para>
/// </remarks>
internal sealed partial class TagPoller : IDisposable
{
    private readonly object _gate = new();
    private readonly Dictionary<string, Repository> _repositories = new(StringComparer.Ordinal);
    private readonly Dictionary<string, (Tag Tag, TimeSpan Interval)> _following = new(StringComparer.Ordinal);
    private readonly ITagLookup _registry;
    private readonly Action<string> _wake;
    private readonly TimeProvider _time;
    private readonly TagPollerOptions _options;
    private readonly ILogger _logger;
    private readonly WorkQueue _queue;

    /// <param name="registry">Who is asked.</param>
    /// <param name="wake">Gets the key of each follower that has something to do; quick, and throws nothing.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">Gets looks that fail, once for each run of failures.</param>
    /// <param name="options">Null for the defaults.</param>
    public TagPoller(ITagLookup registry, Action<string> wake, TimeProvider time, ILogger logger, TagPollerOptions? options = null)
    {
        _registry = registry;
        _wake = wake;
        _time = time;
        _logger = logger;
        _options = options ?? new TagPollerOptions();
        _queue = new WorkQueue(_time, new WorkQueueOptions
        {
            Random = _options.Random,
            AllowSynchronousContinuations = _options.AllowSynchronousContinuations,
        });
    }

    /// <summary>Distinct tags that are followed.</summary>
    public int TagCount
    {
        get
        {
            lock (_gate)
                return _repositories.Values.Sum(repository => repository.Tags.Count);
        }
    }

    /// <summary>
    /// That follower follows this tag, and no other one. What is known of the tag already is not asked for again: see <see cref="Find"/>.
    /// </summary>
    public void Follow(string follower, FollowedTag followed, TimeSpan interval)
    {
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(interval, TimeSpan.Zero);
        lock (_gate)
        {
            if (_following.TryGetValue(follower, out var former))
            {
                if (former.Tag.Followed == followed && former.Interval == interval)
                    return;
                if (former.Tag.Followed != followed)
                    Leave(follower, former.Tag);
            }

            string key = KeyOf(followed);
            if (!_repositories.TryGetValue(key, out Repository? repository))
                _repositories.Add(key, repository = new Repository(key, followed.Repository));
            if (!repository.Tags.TryGetValue(followed.Tag, out Tag? tag))
                repository.Tags.Add(followed.Tag, tag = new Tag(followed, repository, _time.GetTimestamp()));
            tag.Followers[follower] = interval;
            _following[follower] = (tag, interval);
            TimeSpan shortest = tag.Followers.Values.Min();
            if (tag.Interval != shortest)
            {
                tag.Interval = shortest;
                if (tag.LookedAt is { } last && tag.Due != long.MaxValue)
                    tag.Due = Math.Min(tag.Due, Later(last, shortest));
            }

            Schedule(repository);
        }
    }

    /// <summary>That follower follows nothing any more.</summary>
    public void Unfollow(string follower)
    {
        lock (_gate)
        {
            if (_following.Remove(follower, out var former))
                Leave(follower, former.Tag);
        }
    }

    /// <summary>What is known of a tag; null before its first look ended, and where nobody follows it.</summary>
    public TagState? Find(FollowedTag followed)
    {
        lock (_gate)
        {
            return _repositories.TryGetValue(KeyOf(followed), out Repository? repository)
                && repository.Tags.TryGetValue(followed.Tag, out Tag? tag)
                ? tag.State
                : null;
        }
    }

    /// <summary>
    /// Looks early, as far as the spacing of nudges allows: at that tag, or at every followed one of the repository where the tag is
    /// null, with every login.
    /// </summary>
    /// <returns>How many followed tags it meant.</returns>
    public int LookNow(string registryHost, string repositoryPath, string? tagName)
    {
        int count = 0;
        lock (_gate)
        {
            foreach (Repository repository in _repositories.Values)
            {
                if (repository.Id.Registry != registryHost || repository.Id.Repository != repositoryPath)
                    continue;
                foreach (Tag tag in repository.Tags.Values)
                {
                    if (tagName is not null && tag.Followed.Tag != tagName)
                        continue;
                    count++;
                    long now = _time.GetTimestamp();
                    tag.Due = Math.Min(tag.Due, tag.LookedAt is { } last ? Math.Max(now, Later(last, _options.NudgeSpacing)) : now);
                }

                Schedule(repository);
            }
        }

        return count;
    }

    /// <summary>Polls until the token is cancelled; looks under way are told so, and awaited. Call once.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        try
        {
            // No number of workers: the registry's budget limits requests, and a slow repository must not take another one's turn.
            while (await _queue.DequeueAsync(cancellationToken).ConfigureAwait(false) is { } key)
                _ = LookAsync(key, cancellationToken);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
        }

        // Not where it failed: it is started again, and needs its queue.
        await _queue.ShutDownAsync(CancellationToken.None).ConfigureAwait(false);
    }

    public void Dispose() => _queue.Dispose();

    /// <summary>Policies are looked at by themselves. No repository's name has a space.</summary>
    private static string KeyOf(FollowedTag followed) => RegistryTagLookup.IsPolicy(followed.Tag) ? $"{followed.Repository} {followed.Tag}" : followed.Repository.ToString();

    /// <summary>Looks at what is due in one repository. Never throws; always completes the key.</summary>
    private async Task LookAsync(string key, CancellationToken cancellationToken)
    {
        WorkResult result = WorkResult.Failed;
        try
        {
            result = await LookAtRepositoryAsync(key, cancellationToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
        }
        catch (Exception error)
        {
            LogUnexpected(_logger, key, error);
        }
        finally
        {
            _queue.Complete(key, result);
        }
    }

    private async Task<WorkResult> LookAtRepositoryAsync(string key, CancellationToken cancellationToken)
    {
        Repository? repository;
        lock (_gate)
        {
            if (!_repositories.TryGetValue(key, out repository))
                return WorkResult.Done;
        }

        List<Tag> tags = Begin(repository, AnswersForSeveral(repository.Id));
        IReadOnlyDictionary<string, TagObservation> answers = tags.Count == 0
            ? new Dictionary<string, TagObservation>()
            : await AskAsync(repository.Id, [.. tags.Select(tag => tag.Followed.Tag)], cancellationToken).ConfigureAwait(false);
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
            // The look says what is wrong with that registry, to those who follow its tags.
            return false;
        }
    }

    private async Task<IReadOnlyDictionary<string, TagObservation>> AskAsync(
        TagRepository repository, IReadOnlyList<string> tags, CancellationToken cancellationToken)
    {
        CvException shown;
        try
        {
            return await TimeLimit.RunAsync(token => _registry.LookAsync(repository, tags, token), _options.LookLimit, _time, cancellationToken).ConfigureAwait(false);
        }
        catch (CvException error)
        {
            shown = error;
        }
        catch (TimeoutException error)
        {
            shown = new CvException(ErrorIds.RegistryTimeout, CvErrorKind.Timeout,
                $"The registry did not return the tags of {repository} within {_options.LookLimit.TotalSeconds:0} s.",
                "No action required: the request is retried.", error);
        }
        catch (Exception error) when (!cancellationToken.IsCancellationRequested)
        {
            LogUnexpected(_logger, repository.ToString(), error);
            shown = new CvException(ErrorIds.RegistryLookFailed, CvErrorKind.Unavailable, $"The tags of {repository} could not be read: {error.Message}",
                "No action required: the request is retried.", error);
        }

        return tags.ToDictionary(tag => tag, _ => TagObservation.Failed(shown), StringComparer.Ordinal);
    }

    /// <summary>Takes the tags to look at now: those that are due and, where a request has room for more, those that soon would be.</summary>
    private List<Tag> Begin(Repository repository, bool together)
    {
        lock (_gate)
        {
            long now = _time.GetTimestamp();
            List<Tag> tags = [.. repository.Tags.Values.Where(tag => tag.Due <= now)];
            if (together && tags.Count > 0)
                tags.AddRange(repository.Tags.Values.Where(tag => tag.Due > now && tag.Due <= Later(now, tag.Interval / 2)));

            foreach (Tag tag in tags)
            {
                // After a pause of the process all would be looked at together from now on, were they not spread again.
                tag.Spread = tag.LookedAt is null || Later(tag.Due, tag.Interval / 10) < now;
                tag.LookedAt = now;
                tag.Due = long.MaxValue;
            }

            return tags;
        }
    }

    private WorkResult End(Repository repository, List<Tag> tags, IReadOnlyDictionary<string, TagObservation> answers)
    {
        List<string> woken = [];
        WorkResult result;
        lock (_gate)
        {
            long now = _time.GetTimestamp();
            // One draw for all of them, so that those who are looked at together stay together.
            double phase = _options.Random.NextDouble();
            foreach (Tag tag in tags)
            {
                if (Note(tag, answers.TryGetValue(tag.Followed.Tag, out TagObservation? answer) ? answer : LeftOut(tag)))
                    woken.AddRange(tag.Followers.Keys);
                long due = tag.Failures > 0
                    ? Later(now, Shorter(_options.Backoff.After(tag.Failures, _options.Random), tag.Interval))
                    : Later(tag.LookedAt ?? now, tag.Spread ? tag.Interval * phase : tag.Interval);
                tag.Due = Math.Min(tag.Due, due);
            }

            result = repository.Tags.Count == 0
                ? WorkResult.Done
                : WorkResult.ComeAgain(_time.GetElapsedTime(now, repository.Tags.Values.Min(tag => tag.Due)));
        }

        foreach (string follower in woken)
            _wake(follower);
        return result;
    }

    private static TagObservation LeftOut(Tag tag) => TagObservation.Failed(new CvException(ErrorIds.RegistryAnswerIncomplete,
        CvErrorKind.Unavailable, $"The registry's response does not contain {tag.Followed}.", "No action required: the request is retried."));

    /// <summary>Takes down what was seen; true where it is news to those who follow.</summary>
    private bool Note(Tag tag, TagObservation seen)
    {
        TagState? former = tag.State;
        if (seen.Error is not { } error)
        {
            tag.Failures = 0;
            tag.State = new TagState { Found = seen.Found, SeenAt = _time.GetUtcNow(), SeenAtTimestamp = _time.GetTimestamp() };
            if (former?.Error is not null)
                LogWorksAgain(_logger, tag.Followed);
            return former?.Found?.Digest != seen.Found?.Digest || former?.Found?.ChosenTag != seen.Found?.ChosenTag || former?.Error is not null;
        }

        // What a person has to mend will not mend itself sooner for being asked more often.
        tag.Failures = error.IsTransient ? Math.Min(tag.Failures + 1, 1000) : 0;
        bool gone = error.Kind is CvErrorKind.NotFound;
        tag.State = new TagState { Found = gone ? null : former?.Found, SeenAt = gone ? null : former?.SeenAt, SeenAtTimestamp = former?.SeenAtTimestamp ?? 0, Error = error };
        bool news = former?.Error is not { } known || known.ErrorId != error.ErrorId || known.Kind != error.Kind;
        if (news)
            LogFails(_logger, tag.Followed, error.Message);
        return news;
    }

    /// <summary>Takes a follower off a tag, and what nobody follows off the books.</summary>
    private void Leave(string follower, Tag tag)
    {
        tag.Followers.Remove(follower);
        if (tag.Followers.Count > 0)
        {
            tag.Interval = tag.Followers.Values.Min();
            return;
        }

        tag.Repository.Tags.Remove(tag.Followed.Tag);
        if (tag.Repository.Tags.Count == 0)
            _repositories.Remove(tag.Repository.Key);
    }

    private void Schedule(Repository repository)
    {
        long due = repository.Tags.Values.Min(tag => tag.Due);
        if (due != long.MaxValue)
            _queue.EnqueueAfter(repository.Key, _time.GetElapsedTime(_time.GetTimestamp(), due));
    }

    private long Later(long timestamp, TimeSpan wait) => timestamp + (long)Math.Ceiling(wait.TotalSeconds * _time.TimestampFrequency);

    private static TimeSpan Shorter(TimeSpan one, TimeSpan other) => one < other ? one : other;

    [LoggerMessage(EventId = LogEvents.TagUnreadable, EventName = nameof(LogEvents.TagUnreadable), Level = LogLevel.Warning,
        Message = "{Tag} could not be read from the registry: {Reason}")]
    private static partial void LogFails(ILogger logger, FollowedTag tag, string reason);

    [LoggerMessage(EventId = LogEvents.TagReadableAgain, EventName = nameof(LogEvents.TagReadableAgain), Level = LogLevel.Information,
        Message = "{Tag} can be read from the registry again")]
    private static partial void LogWorksAgain(ILogger logger, FollowedTag tag);

    [LoggerMessage(EventId = LogEvents.TagPollFailed, EventName = nameof(LogEvents.TagPollFailed), Level = LogLevel.Error,
        Message = "{Repository}: unexpected error while reading its tags; retrying")]
    private static partial void LogUnexpected(ILogger logger, string repository, Exception error);

    private sealed class Repository(string key, TagRepository id)
    {
        public string Key { get; } = key;

        public TagRepository Id { get; } = id;

        public Dictionary<string, Tag> Tags { get; } = new(StringComparer.Ordinal);
    }

    private sealed class Tag(FollowedTag followed, Repository repository, long due)
    {
        public FollowedTag Followed { get; } = followed;

        public Repository Repository { get; } = repository;

        public Dictionary<string, TimeSpan> Followers { get; } = new(StringComparer.Ordinal);

        /// <summary>The shortest of the followers' intervals.</summary>
        public TimeSpan Interval { get; set; }

        /// <summary>Timestamp of the next look; the greatest value while it is looked at and nobody asked for another look.</summary>
        public long Due { get; set; } = due;

        /// <summary>Timestamp at which the last look began.</summary>
        public long? LookedAt { get; set; }

        /// <summary>The look after this one is at a random moment within the interval.</summary>
        public bool Spread { get; set; }

        public TagState? State { get; set; }

        /// <summary>Looks in a row that failed for a passing reason.</summary>
        public int Failures { get; set; }
    }
}
