using CvManager.Scheduling;
using CvManager.Versions;
using Microsoft.Extensions.Logging;

namespace CvManager.Following;

/// <summary>
/// Looks up versions outside the workers, so that a slow or hanging registry delays only the resources that use it: one search for each
/// key at a time, whose answer is kept until the question changes. Thread-safe. Memory is proportional to the number of keys.
/// </summary>
/// <param name="wake">Called with the key whose search has ended; must be fast and must not throw.</param>
/// <param name="wakeAfter">Reconciles a key again after a time.</param>
internal sealed partial class VersionLookups(Action<string> wake, Action<string, TimeSpan> wakeAfter, EngineEnvironment environment)
{
    /// <summary>The time limit of one search. The version tags that it read are kept, and the next search continues from there.</summary>
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(5);

    /// <summary>The delay after an expression that took too long: it does not get faster until it or the tags change.</summary>
    private static readonly TimeSpan AfterExpensive = TimeSpan.FromMinutes(10);

    private static readonly ExponentialBackoff Backoff = new(TimeSpan.FromSeconds(5), TimeSpan.FromMinutes(5));

    private readonly object _gate = new();
    private readonly Dictionary<string, Lookup> _lookups = new(StringComparer.Ordinal);
    private readonly HashSet<Task> _running = [];
    private bool _stopped;

    /// <summary>Returns the answer to a question, or starts a search for it.</summary>
    /// <param name="key">The key of the caller.</param>
    /// <param name="question">The question; equal questions have the same answer.</param>
    /// <param name="patience">The time without an answer after which an exception is thrown.</param>
    /// <param name="stands">Returns whether a known answer is still valid.</param>
    /// <param name="search">Finds the answer.</param>
    /// <returns>Null while the search runs; the key is woken when it has ended.</returns>
    /// <exception cref="CvException">
    /// The last search failed (it is retried after a backoff), or there has been no answer for too long.
    /// </exception>
    public ResolvedVersion? Find(
        string key,
        object question,
        TimeSpan patience,
        Func<ResolvedVersion, bool> stands,
        Func<CancellationToken, Task<ResolvedVersion>> search
    )
    {
        Lookup? lookup;
        Lookup? former = null;
        bool begin;
        lock (_gate)
        {
            if (
                !_lookups.TryGetValue(key, out lookup)
                || !lookup.Question.Equals(question)
                || (lookup.Answer is { } answer && !stands(answer))
            )
            {
                former = lookup;
                _lookups[key] = lookup = new Lookup(key, question, environment.Time.GetTimestamp());
            }

            begin =
                lookup.Cancel is null
                && lookup.Answer is null
                && !_stopped
                && (lookup.Error is null || environment.Time.GetTimestamp() >= lookup.RetryAt);
            if (begin)
                lookup.Begin();
        }

        former?.End();
        if (begin)
            Start(lookup, search);
        lock (_gate)
        {
            lookup.IsFirstLook = false;
            if (lookup.Answer is { } answer)
                return answer;
            if (lookup.Error is { } error)
                throw error;
            var waited = environment.Time.GetElapsedTime(lookup.StartedAt);
            if (waited >= patience)
            {
                throw new CvException(
                    ErrorIds.VersionLookupSlow,
                    CvErrorKind.Timeout,
                    $"The version lookup has not finished after {waited.TotalSeconds:0} s.",
                    "No action required: the lookup continues. If this persists, check the registry. "
                        + "Images with the label org.opencontainers.image.version do not need a search of the tag list."
                );
            }

            wakeAfter(key, patience - waited);
            return null;
        }
    }

    /// <summary>Forgets a key and ends its search.</summary>
    public void Forget(string key)
    {
        Lookup? former;
        lock (_gate)
            _lookups.Remove(key, out former);
        former?.End();
    }

    /// <summary>Ends all searches, and prevents new ones.</summary>
    public async Task StopAsync()
    {
        List<Lookup> lookups;
        List<Task> running;
        lock (_gate)
        {
            _stopped = true;
            lookups = [.. _lookups.Values];
            running = [.. _running];
        }

        foreach (var lookup in lookups)
            lookup.End();
        await Task.WhenAll(running);
    }

    private void Start(Lookup lookup, Func<CancellationToken, Task<ResolvedVersion>> search)
    {
        var running = RunAsync(lookup, search);
        if (running.IsCompleted)
            return;
        lock (_gate)
            _running.Add(running);
        _ = running.ContinueWith(
            static (ended, state) =>
            {
                var self = (VersionLookups)state!;
                lock (self._gate)
                    self._running.Remove(ended);
            },
            this,
            CancellationToken.None,
            TaskContinuationOptions.ExecuteSynchronously,
            TaskScheduler.Default
        );
    }

    /// <summary>Searches. Never throws.</summary>
    private async Task RunAsync(Lookup lookup, Func<CancellationToken, Task<ResolvedVersion>> search)
    {
        var cancellationToken = lookup.Cancel!.Token;
        ResolvedVersion? answer = null;
        CvException? error = null;
        try
        {
            answer = await TimeLimit.RunAsync(search, Limit, environment.Time, cancellationToken);
        }
        catch (Exception e) when (e is OperationCanceledException or TimeoutException)
        {
            error = new CvException(
                ErrorIds.RegistryTimeout,
                CvErrorKind.Timeout,
                $"The version lookup did not finish within {Limit.TotalMinutes:0} min.",
                "The lookup is retried. Images with the label org.opencontainers.image.version do not need a search of the tag list.",
                e
            );
        }
        catch (CvException e)
        {
            error = e;
        }
        catch (Exception e)
        {
            LogUnexpected(environment.Logger, lookup.Key, e);
            error = new CvException(
                ErrorIds.VersionLookupFailed,
                CvErrorKind.Unavailable,
                $"The version lookup failed unexpectedly: {e.Message}",
                "The lookup is retried. Report this defect.",
                e
            );
        }

        bool tell;
        lock (_gate)
        {
            tell = !cancellationToken.IsCancellationRequested && !lookup.IsFirstLook;
            lookup.Cancel?.Dispose();
            lookup.Cancel = null;
            (lookup.Answer, lookup.Error) = (answer, error);
            lookup.Failures = error is null ? 0 : Math.Min(lookup.Failures + 1, 1000);
            var pause =
                error is null ? TimeSpan.Zero
                : error.ErrorId == ErrorIds.VersionSyntaxTimeout ? AfterExpensive
                : Backoff.After(lookup.Failures, environment.Random);
            lookup.RetryAt = environment.Time.GetTimestamp() + (long)(pause.TotalSeconds * environment.Time.TimestampFrequency);
        }

        if (tell)
            wake(lookup.Key);
    }

    [LoggerMessage(
        EventId = LogEvents.VersionLookupFailed,
        EventName = nameof(LogEvents.VersionLookupFailed),
        Level = LogLevel.Error,
        Message = "{Resource}: unexpected error while looking up its version; retrying"
    )]
    private static partial void LogUnexpected(ILogger logger, string resource, Exception error);

    /// <summary>A question and its result. All members but <see cref="End"/> are used under the lock.</summary>
    private sealed class Lookup(string key, object question, long startedAt)
    {
        public string Key { get; } = key;

        public object Question { get; } = question;

        public long StartedAt { get; } = startedAt;

        /// <summary>Cancels the search in progress; null if there is none.</summary>
        public CancellationTokenSource? Cancel { get; set; }

        /// <summary>True until the caller that started the search has checked the result: it need not be woken.</summary>
        public bool IsFirstLook { get; set; }

        public ResolvedVersion? Answer { get; set; }

        public CvException? Error { get; set; }

        public int Failures { get; set; }

        public long RetryAt { get; set; }

        public void Begin()
        {
            Cancel = new CancellationTokenSource();
            IsFirstLook = true;
        }

        public void End()
        {
            try
            {
                Cancel?.Cancel();
            }
            catch (ObjectDisposedException)
            {
                // The search has ended in the meantime.
            }
        }
    }
}
