using System.Globalization;
using System.Text.Json.Nodes;
using CvManager.Cluster;
using CvManager.Scheduling;
using Microsoft.Extensions.Logging;

namespace CvManager.Leading;

/// <summary>
/// Elects one of several replicas by a coordination.k8s.io/v1 Lease, as client-go does (tools/leaderelection), and releases it on stop.
/// </summary>
/// <remarks>
/// <para>Nobody's clock is compared with another's: whether a lease has run out is measured from when this process first saw it as it
/// is, on its own monotonic clock. Every write is compare-and-swap by resourceVersion.</para>
/// <para>A holder of the same name is this process in an earlier life: its lease is taken up at once. Whoever gives the names sees to it that no
/// two processes have the same one at a time; should it happen all the same, the one whose lease was written over stops at its next
/// renewal.</para>
/// <para>The leader's time runs from before its last good renewal was sent, and ends <see cref="LeaderElectionOptions.RenewDeadline"/>
/// later, by a timer that no hanging request holds up; others wait for the longer <see cref="LeaderElectionOptions.LeaseDuration"/> from
/// after they saw that renewal. A Lease that somebody deletes is created again by its holder at once, and by others that knew it only
/// after that time: whoever held it may not have noticed. (Deleted again and again, it protects nobody.)</para>
/// </remarks>
internal sealed partial class LeaderElection
{
    /// <summary>Many more than attempts fit into the time that a lease lasts.</summary>
    private const int MostOwnRenewals = 100;

    private readonly ClusterConnection _cluster;
    private readonly LeaderElectionOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly ResourcePath _path;

    // Used by one loop at a time: acquiring, renewing or releasing.
    private Lease? _observed;
    private long _observedAt;
    private (long Since, long Seen)? _missing;
    private bool _writeUnderWay;
    private string? _complaint;
    private readonly HashSet<string> _ownRenewals = new(StringComparer.Ordinal);

    public LeaderElection(ClusterConnection cluster, LeaderElectionOptions options, TimeProvider time, ILogger logger)
    {
        options.Validate();
        _cluster = cluster;
        _options = options;
        _time = time;
        _logger = logger;
        _path = new ResourcePath("coordination.k8s.io", "v1", "leases", options.Namespace, options.Name);
    }

    /// <summary>Who holds the lease as far as is known; null for nobody.</summary>
    public string? Leader => Volatile.Read(ref _observed)?.Holder;

    /// <summary>
    /// Waits for the lease and leads, again and again, until the token is cancelled or <paramref name="lead"/> ends by itself.
    /// </summary>
    /// <param name="lead">
    /// Acts. Its token is cancelled when the lease is lost or all is to end, and it then ends as soon as it can. While it winds down at
    /// the end the lease is still renewed, and it is released only afterwards. What it throws comes out of this method.
    /// </param>
    /// <param name="cancellationToken">Ends it, without an exception.</param>
    public async Task RunAsync(Func<Leadership, CancellationToken, Task> lead, CancellationToken cancellationToken)
    {
        bool ended = false;
        while (!ended && await AcquireAsync(cancellationToken).ConfigureAwait(false) is { } renewedAt)
            ended = await LeadAsync(lead, renewedAt, cancellationToken).ConfigureAwait(false);
        // Stopped while it was not known whether the lease was won: the next one need not wait for it to run out.
        if (_writeUnderWay)
            await AttemptAsync(ReleaseAsync, CancellationToken.None).ConfigureAwait(false);
    }

    /// <returns>The moment from which the lease's time runs; null where the token was cancelled.</returns>
    private async Task<LeaseMoment?> AcquireAsync(CancellationToken cancellationToken)
    {
        while (!cancellationToken.IsCancellationRequested)
        {
            if (await AttemptAsync(TryAcquireAsync, cancellationToken).ConfigureAwait(false) is { Outcome: Outcome.Held } won)
                return won.Since;
            // Spread, so that replicas do not ask in step.
            await _time.PauseAsync(_options.RetryPeriod * (1 + (0.2 * _options.Random.NextDouble())), cancellationToken).ConfigureAwait(false);
        }

        return null;
    }

    /// <returns>True where leading ended by itself or was told to end; false where the lease was lost.</returns>
    private async Task<bool> LeadAsync(Func<Leadership, CancellationToken, Task> lead, LeaseMoment renewedAt, CancellationToken cancellationToken)
    {
        using CancellationTokenSource lost = new();
        using CancellationTokenSource acting = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, lost.Token);
        using CancellationTokenSource renewing = CancellationTokenSource.CreateLinkedTokenSource(lost.Token);
        Leadership leadership = new(_time, renewedAt, _options.RenewDeadline, lost);
        // Declared after, and so disposed before, the source that it cancels.
        await using ITimer deadline = _time.CreateTimer(
            static state => ((Leadership)state!).End(), leadership, UntilDeadlineOf(renewedAt), Timeout.InfiniteTimeSpan);
        LogLeading(_logger, _options.Identity, _options.Namespace, _options.Name);

        Task renewal = RenewAsync(leadership, deadline, renewing.Token);
        bool toldToEnd = true;
        try
        {
            await lead(leadership, acting.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (acting.IsCancellationRequested)
        {
        }
        finally
        {
            Cancel(renewing);
            await renewal.ConfigureAwait(false);
            if (lost.IsCancellationRequested)
                LogLost(_logger, _options.Identity, _options.Namespace, _options.Name);
            toldToEnd = cancellationToken.IsCancellationRequested || !lost.IsCancellationRequested;
            // Whatever did not come to its end in time changes nothing any more: the next one may begin.
            leadership.End();
            if (toldToEnd)
                await AttemptAsync(ReleaseAsync, CancellationToken.None).ConfigureAwait(false);
        }

        return toldToEnd;
    }

    private async Task RenewAsync(Leadership leadership, ITimer deadline, CancellationToken cancellationToken)
    {
        TimeSpan wait = _options.RenewPeriod;
        while (await _time.PauseAsync(wait, cancellationToken).ConfigureAwait(false))
        {
            long begun = _time.GetTimestamp();
            Attempt attempt = await AttemptAsync(TryRenewAsync, cancellationToken).ConfigureAwait(false);
            if (attempt.Outcome == Outcome.Taken)
                leadership.End();
            // After an attempt that hung there is no time left to lose.
            wait = _options.RetryPeriod - _time.GetElapsedTime(begun);
            if (attempt.Outcome == Outcome.Held)
            {
                wait = _options.RenewPeriod;
                leadership.HoldFrom(attempt.Since);
                deadline.Change(UntilDeadlineOf(attempt.Since), Timeout.InfiniteTimeSpan);
            }
        }
    }

    private async Task<Attempt> TryAcquireAsync(CancellationToken cancellationToken)
    {
        Lease? current = await ReadAsync(cancellationToken).ConfigureAwait(false);
        bool mayBeHeld = current is null
            ? _missing is { } missing && _time.GetElapsedTime(missing.Since) < _options.LeaseDuration
            : current is { Holder: not null } && !IsOurs(current) && !HasRunOut(current);
        if (mayBeHeld)
            return new Attempt(Outcome.Taken);
        return await HoldAsync(current, cancellationToken).ConfigureAwait(false);
    }

    private async Task<Attempt> TryRenewAsync(CancellationToken cancellationToken)
    {
        // Nearly always nobody else has touched it: one request.
        Attempt attempt = await HoldAsync(_observed, cancellationToken).ConfigureAwait(false);
        if (attempt.Outcome == Outcome.Held)
            return attempt;
        Lease? current = await ReadAsync(cancellationToken).ConfigureAwait(false);
        return current is { Holder: not null } && !IsOurs(current)
            ? new Attempt(Outcome.Taken)
            : await HoldAsync(current, cancellationToken).ConfigureAwait(false);
    }

    private async Task<Attempt> ReleaseAsync(CancellationToken cancellationToken)
    {
        // As client-go: nobody holds it, and who does not know that an empty holder is nobody waits one second.
        if (await ReadAsync(cancellationToken).ConfigureAwait(false) is { } current && IsOurs(current)
            && await WriteAsync(current, "", 1, Now(), current.Transitions, cancellationToken).ConfigureAwait(false))
        {
            LogReleased(_logger, _options.Identity, _options.Namespace, _options.Name);
        }

        return new Attempt(Outcome.Taken);
    }

    /// <summary>Writes the lease as ours, over the given state of it and no other.</summary>
    private async Task<Attempt> HoldAsync(Lease? current, CancellationToken cancellationToken)
    {
        bool ours = current is not null && IsOurs(current);
        LeaseMoment before = LeaseMoment.Now(_time);
        string acquired = ours && current!.AcquireTime is { Length: > 0 } since ? since : Now();
        int transitions = current is null ? 0 : current.Transitions + (ours ? 0 : 1);
        return await WriteAsync(current, _options.Identity, (int)_options.LeaseDuration.TotalSeconds, acquired, transitions, cancellationToken).ConfigureAwait(false)
            ? new Attempt(Outcome.Held, before)
            : new Attempt(Outcome.Failed);
    }

    /// <returns>False where the lease is no longer in that state.</returns>
    private async Task<bool> WriteAsync(
        Lease? current, string holder, int durationSeconds, string acquired, int transitions, CancellationToken cancellationToken)
    {
        string renewed = Now();
        // An earlier write whose answer was lost may still come to have its effect.
        if (_ownRenewals.Count >= MostOwnRenewals)
            _ownRenewals.Clear();
        _ownRenewals.Add(renewed);
        JsonObject wanted = new()
        {
            ["apiVersion"] = "coordination.k8s.io/v1",
            ["kind"] = "Lease",
            ["metadata"] = current?.Metadata.DeepClone() ?? new JsonObject { ["name"] = _options.Name, ["namespace"] = _options.Namespace },
            ["spec"] = new JsonObject
            {
                ["holderIdentity"] = holder,
                ["leaseDurationSeconds"] = durationSeconds,
                ["acquireTime"] = acquired,
                ["renewTime"] = renewed,
                ["leaseTransitions"] = transitions,
            },
        };
        _writeUnderWay = true;
        try
        {
            Observe(Lease.Read(current is null
                ? await _cluster.CreateAsync(_path with { Name = null }, wanted, cancellationToken).ConfigureAwait(false)
                : await _cluster.ReplaceAsync(_path, wanted, cancellationToken).ConfigureAwait(false)));
        }
        catch (CvException error) when (error.Kind is CvErrorKind.Conflict || (error.Kind is CvErrorKind.NotFound && current is not null))
        {
            _writeUnderWay = false;
            return false;
        }

        _writeUnderWay = false;
        return true;
    }

    private async Task<Lease?> ReadAsync(CancellationToken cancellationToken)
    {
        try
        {
            Lease current = Lease.Read(await _cluster.GetAsync(_path, cancellationToken).ConfigureAwait(false));
            Observe(current);
            return current;
        }
        catch (CvException error) when (error.Kind is CvErrorKind.NotFound)
        {
            if (_observed is not null)
            {
                // While nobody looked, it may have been there.
                long now = _time.GetTimestamp();
                bool again = _missing is { } before && _time.GetElapsedTime(before.Seen) <= _options.RenewPeriod;
                _missing = (again ? _missing!.Value.Since : now, now);
            }

            return null;
        }
    }

    /// <summary>The time of a state of the lease runs from when it was first seen.</summary>
    private void Observe(Lease current)
    {
        _missing = null;
        // Other changes than of these (a label, say) are no sign of life.
        bool renewed = _observed is not { } known || known.Holder != current.Holder || known.RenewTime != current.RenewTime
            || known.AcquireTime != current.AcquireTime || known.Transitions != current.Transitions;
        if (renewed)
        {
            if (current.Holder is { } holder && holder != _options.Identity && holder != _observed?.Holder)
                LogLeader(_logger, holder, _options.Namespace, _options.Name);
            _observedAt = _time.GetTimestamp();
        }

        Volatile.Write(ref _observed, current);
    }

    /// <summary>One attempt with a time limit. Errors of the API server or the network are logged, each once in a row.</summary>
    private async Task<Attempt> AttemptAsync(Func<CancellationToken, Task<Attempt>> attempt, CancellationToken cancellationToken)
    {
        using CancellationTokenSource limit = new(_options.AttemptLimit, _time);
        using CancellationTokenSource either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        try
        {
            Attempt result = await attempt(either.Token).ConfigureAwait(false);
            _complaint = null;
            return result;
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
        }
        catch (Exception error)
        {
            CvException shown = limit.IsCancellationRequested
                ? new CvException(ErrorIds.ClusterTimeout, CvErrorKind.Timeout, $"no response within {_options.AttemptLimit.TotalSeconds} s.",
                    "Check whether the API server is overloaded.", error)
                : error as CvException ?? new CvException(ErrorIds.LeaseInvalid, CvErrorKind.Invalid, error.Message,
                    "Delete the Lease. The controller recreates it.", error);
            if (shown.ErrorId != _complaint)
                LogError(_logger, _options.Namespace, _options.Name, shown.Message, _complaint = shown.ErrorId, shown.Remedy);
        }

        return new Attempt(Outcome.Failed);
    }

    /// <summary>Within this call, and not on the thread pool: who acted has been told when it returns.</summary>
    private static void Cancel(CancellationTokenSource source) => source.Cancel();

    /// <summary>What it wrote itself, or, as long as it has written nothing, what a former process of its name did.</summary>
    private bool IsOurs(Lease lease) => lease.Holder == _options.Identity && (_ownRenewals.Count == 0 || _ownRenewals.Contains(lease.RenewTime ?? ""));

    private bool HasRunOut(Lease lease) => _time.GetElapsedTime(_observedAt) >= TimeSpan.FromSeconds(lease.DurationSeconds);

    private TimeSpan UntilDeadlineOf(LeaseMoment renewedAt)
    {
        TimeSpan left = _options.RenewDeadline - renewedAt.Elapsed(_time);
        return left > TimeSpan.Zero ? left : TimeSpan.Zero;
    }

    /// <summary>A metav1.MicroTime; the API server refuses one without its six digits.</summary>
    private string Now() => _time.GetUtcNow().UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", CultureInfo.InvariantCulture);

    private enum Outcome
    {
        /// <summary>Not possible, or not known, this time.</summary>
        Failed,
        Held,
        /// <summary>It is not ours.</summary>
        Taken,
    }

    /// <summary>What is read of a Lease.</summary>
    private sealed record Lease(
        JsonObject Metadata, string? Holder, int DurationSeconds, string? AcquireTime, string? RenewTime, int Transitions)
    {
        public static Lease Read(JsonObject json)
        {
            JsonObject? spec = json["spec"] as JsonObject;
            return new Lease(
                json["metadata"] as JsonObject ?? [],
                spec?["holderIdentity"]?.GetValue<string>() is { Length: > 0 } holder ? holder : null,
                spec?["leaseDurationSeconds"]?.GetValue<int>() ?? 0,
                spec?["acquireTime"]?.GetValue<string>(),
                spec?["renewTime"]?.GetValue<string>(),
                spec?["leaseTransitions"]?.GetValue<int>() ?? 0);
        }
    }

    private readonly record struct Attempt(Outcome Outcome, LeaseMoment Since = default);

    [LoggerMessage(EventId = LogEvents.LeaseAcquired, EventName = nameof(LogEvents.LeaseAcquired), Level = LogLevel.Information,
        Message = "{Identity} became the leader (Lease {Namespace}/{Name})")]
    private static partial void LogLeading(ILogger logger, string identity, string @namespace, string name);

    [LoggerMessage(EventId = LogEvents.LeaseLost, EventName = nameof(LogEvents.LeaseLost), Level = LogLevel.Warning,
        Message = "{Identity} is no longer the leader: it lost Lease {Namespace}/{Name}")]
    private static partial void LogLost(ILogger logger, string identity, string @namespace, string name);

    [LoggerMessage(EventId = LogEvents.LeaseReleased, EventName = nameof(LogEvents.LeaseReleased), Level = LogLevel.Information,
        Message = "{Identity} released Lease {Namespace}/{Name}")]
    private static partial void LogReleased(ILogger logger, string identity, string @namespace, string name);

    [LoggerMessage(EventId = LogEvents.LeaderObserved, EventName = nameof(LogEvents.LeaderObserved), Level = LogLevel.Information,
        Message = "{Holder} is the leader (Lease {Namespace}/{Name})")]
    private static partial void LogLeader(ILogger logger, string holder, string @namespace, string name);

    [LoggerMessage(EventId = LogEvents.LeaseFailed, EventName = nameof(LogEvents.LeaseFailed), Level = LogLevel.Error,
        Message = "Lease {Namespace}/{Name} could not be read or written ({ErrorId}): {Reason} {Remedy}")]
    private static partial void LogError(ILogger logger, string @namespace, string name, string reason, string errorId, string remedy);
}
