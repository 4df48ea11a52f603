using System.Globalization;
using System.Text.Json.Nodes;
using CvManager.Cluster;
using CvManager.Scheduling;
using Microsoft.Extensions.Logging;

namespace CvManager.Leading;

/// <summary>
/// Elects one of several replicas with a coordination.k8s.io/v1 Lease, like client-go (tools/leaderelection), and releases it on stop.
/// </summary>
/// <remarks>
/// <para>Clocks of different machines are never compared: whether a lease has expired is measured from when this process first saw its
/// current state, on its own monotonic clock. Every write is compare-and-swap by resourceVersion.</para>
/// <para>A holder with the same identity is an earlier run of this process, and its lease is taken over at once. Identities must be unique
/// among running processes; if two have the same one, the process whose lease was overwritten stops at its next renewal.</para>
/// <para>The leader's term is measured from before its last successful renewal was sent, and ends
/// <see cref="LeaderElectionOptions.RenewDeadline"/> later, by a timer that a hanging request cannot delay; others wait for the longer
/// <see cref="LeaderElectionOptions.LeaseDuration"/> from when they saw that renewal. A deleted Lease is recreated by its holder at once,
/// and by others that knew it only after that time, because the holder may not have noticed. (A Lease that is deleted again and again
/// protects nothing.)</para>
/// </remarks>
internal sealed partial class LeaderElection
{
    /// <summary>Far more than the number of attempts within the duration of a lease.</summary>
    private const int MaxOwnRenewals = 100;

    private readonly ClusterConnection _cluster;
    private readonly LeaderElectionOptions _options;
    private readonly TimeProvider _time;
    private readonly Random _random;
    private readonly ILogger _logger;
    private readonly ResourcePath _path;

    // Used by one loop at a time: acquire, renew or release.
    private Lease? _observed;
    private long _observedAt;
    private (long Since, long Seen)? _missing;
    private bool _writeUnderWay;
    private long _attemptAt;
    private long _answeredAt;
    private string? _loggedError;
    private readonly HashSet<string> _ownRenewals = new(StringComparer.Ordinal);

    public LeaderElection(ClusterConnection cluster, LeaderElectionOptions options, EngineEnvironment environment)
    {
        options.Validate();
        _cluster = cluster;
        _options = options;
        _time = environment.Time;
        _random = environment.Random;
        _logger = environment.Logger;
        _path = new ResourcePath("coordination.k8s.io", "v1", "leases", options.Namespace, options.Name);
    }

    /// <summary>The last known holder of the lease; null for none.</summary>
    public string? Leader => Volatile.Read(ref _observed)?.Holder;

    /// <summary>True while the Lease can be read and written, by the leader and by a standby.</summary>
    public bool IsCurrent => Interlocked.Read(ref _answeredAt) is not 0 and var at && _time.GetElapsedTime(at) < _options.LeaseDuration;

    /// <summary>
    /// The time since the last attempt to acquire, renew or release the Lease; zero before the first one. Between attempts are at most a
    /// pause and the end of the leader's work, whose times are limited: less than a minute.
    /// </summary>
    public TimeSpan SinceAttempt => Interlocked.Read(ref _attemptAt) is not 0 and var at ? _time.GetElapsedTime(at) : TimeSpan.Zero;

    /// <summary>
    /// Waits for the lease and leads, repeatedly, until the token is cancelled or <paramref name="lead"/> returns on its own.
    /// </summary>
    /// <param name="lead">
    /// The leader's work. Its token is cancelled when the lease is lost or <paramref name="cancellationToken"/> is cancelled, and it must
    /// then end as soon as possible. The lease is renewed until it has ended, and only then released. Its exceptions are rethrown.
    /// </param>
    /// <param name="cancellationToken">Ends the election, without an exception.</param>
    public async Task RunAsync(Func<Leadership, CancellationToken, Task> lead, CancellationToken cancellationToken)
    {
        var ended = false;
        while (!ended && await AcquireAsync(cancellationToken) is { } renewedAt)
            ended = await LeadAsync(lead, renewedAt, cancellationToken);
        // Stopped while a write was in progress: release the lease in case it was acquired, so that the next leader need not wait.
        if (_writeUnderWay)
            await AttemptAsync(ReleaseAsync, CancellationToken.None);
    }

    /// <returns>The moment from which the term is measured; null if the token was cancelled.</returns>
    private async Task<LeaseMoment?> AcquireAsync(CancellationToken cancellationToken)
    {
        while (!cancellationToken.IsCancellationRequested)
        {
            if (await AttemptAsync(TryAcquireAsync, cancellationToken) is { Outcome: Outcome.Held } won)
                return won.Since;
            // With jitter, so that replicas do not send their requests in step.
            await _time.PauseAsync(_options.RetryPeriod * (1 + (0.2 * _random.NextDouble())), cancellationToken);
        }

        return null;
    }

    /// <returns>True if the work ended on its own or was cancelled; false if the lease was lost.</returns>
    private async Task<bool> LeadAsync(
        Func<Leadership, CancellationToken, Task> lead,
        LeaseMoment renewedAt,
        CancellationToken cancellationToken
    )
    {
        using CancellationTokenSource lost = new();
        using var acting = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, lost.Token);
        using var renewing = CancellationTokenSource.CreateLinkedTokenSource(lost.Token);
        Leadership leadership = new(_time, renewedAt, _options.RenewDeadline, lost);
        // Declared after the source that it cancels, and so disposed before it.
        await using var deadline = _time.CreateTimer(
            static state => ((Leadership)state!).End(),
            leadership,
            UntilDeadlineOf(renewedAt),
            Timeout.InfiniteTimeSpan
        );
        LogAcquired(_logger, _options.Identity, _options.Namespace, _options.Name);

        var renewal = RenewAsync(leadership, deadline, renewing.Token);
        var toldToEnd = true;
        try
        {
            await lead(leadership, acting.Token);
        }
        catch (OperationCanceledException) when (acting.IsCancellationRequested) { }
        finally
        {
            Cancel(renewing);
            await renewal;
            if (lost.IsCancellationRequested)
                LogLost(_logger, _options.Identity, _options.Namespace, _options.Name);
            toldToEnd = cancellationToken.IsCancellationRequested || !lost.IsCancellationRequested;
            // Work that did not end in time can no longer change anything: the next leader may start.
            leadership.End();
            if (toldToEnd)
                await AttemptAsync(ReleaseAsync, CancellationToken.None);
        }

        return toldToEnd;
    }

    private async Task RenewAsync(Leadership leadership, ITimer deadline, CancellationToken cancellationToken)
    {
        var wait = _options.RenewPeriod;
        while (await _time.PauseAsync(wait, cancellationToken))
        {
            var begun = _time.GetTimestamp();
            var attempt = await AttemptAsync(TryRenewAsync, cancellationToken);
            if (attempt.Outcome == Outcome.Taken)
                leadership.End();
            // After an attempt that hung, retry at once.
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
        var current = await ReadAsync(cancellationToken);
        var mayBeHeld = current is null
            ? _missing is { } missing && _time.GetElapsedTime(missing.Since) < _options.LeaseDuration
            : current is { Holder: not null } && !IsOurs(current) && !HasRunOut(current);
        if (mayBeHeld)
            return new Attempt(Outcome.Taken);
        return await HoldAsync(current, cancellationToken);
    }

    private async Task<Attempt> TryRenewAsync(CancellationToken cancellationToken)
    {
        // The lease is nearly always unchanged: one request.
        var attempt = await HoldAsync(_observed, cancellationToken);
        if (attempt.Outcome == Outcome.Held)
            return attempt;
        var current = await ReadAsync(cancellationToken);
        return current is { Holder: not null } && !IsOurs(current)
            ? new Attempt(Outcome.Taken)
            : await HoldAsync(current, cancellationToken);
    }

    private async Task<Attempt> ReleaseAsync(CancellationToken cancellationToken)
    {
        // Like client-go: an empty holder, and a duration of one second for clients that do not treat an empty holder as none.
        if (
            await ReadAsync(cancellationToken) is { } current
            && IsOurs(current)
            && await WriteAsync(current, "", 1, Now(), current.Transitions, cancellationToken)
        )
        {
            LogReleased(_logger, _options.Identity, _options.Namespace, _options.Name);
        }

        return new Attempt(Outcome.Taken);
    }

    /// <summary>Writes the lease as ours, if it still has the given state.</summary>
    private async Task<Attempt> HoldAsync(Lease? current, CancellationToken cancellationToken)
    {
        var ours = current is not null && IsOurs(current);
        var before = LeaseMoment.Now(_time);
        var acquired = ours && current!.AcquireTime is { Length: > 0 } since ? since : Now();
        var transitions = current is null ? 0 : current.Transitions + (ours ? 0 : 1);
        return await WriteAsync(
            current,
            _options.Identity,
            (int)_options.LeaseDuration.TotalSeconds,
            acquired,
            transitions,
            cancellationToken
        )
            ? new Attempt(Outcome.Held, before)
            : new Attempt(Outcome.Failed);
    }

    /// <returns>False if the lease no longer has that state.</returns>
    private async Task<bool> WriteAsync(
        Lease? current,
        string holder,
        int durationSeconds,
        string acquired,
        int transitions,
        CancellationToken cancellationToken
    )
    {
        var renewed = Now();
        // An earlier write whose response was lost may still take effect.
        if (_ownRenewals.Count >= MaxOwnRenewals)
            _ownRenewals.Clear();
        _ownRenewals.Add(renewed);
        JsonObject wanted = new()
        {
            ["apiVersion"] = "coordination.k8s.io/v1",
            ["kind"] = "Lease",
            ["metadata"] = Annotate(current?.Metadata, isHeld: holder.Length > 0),
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
            Observe(
                Lease.Read(
                    current is null
                        ? await _cluster.CreateAsync(_path with { Name = null }, wanted, cancellationToken)
                        : await _cluster.ReplaceAsync(_path, wanted, cancellationToken)
                )
            );
        }
        catch (CvException e) when (e.Kind is CvErrorKind.Conflict || (e.Kind is CvErrorKind.NotFound && current is not null))
        {
            _writeUnderWay = false;
            return false;
        }

        _writeUnderWay = false;
        return true;
    }

    /// <summary>Keeps the annotations of others.</summary>
    private JsonObject Annotate(JsonObject? metadata, bool isHeld)
    {
        var annotated =
            (JsonObject?)metadata?.DeepClone() ?? new JsonObject { ["name"] = _options.Name, ["namespace"] = _options.Namespace };
        var annotations = annotated["annotations"] as JsonObject ?? [];
        foreach (var (name, value) in _options.Annotations())
        {
            annotations.Remove(name);
            if (isHeld && value is not null)
                annotations[name] = value;
        }

        annotated["annotations"] = annotations;
        return annotated;
    }

    private async Task<Lease?> ReadAsync(CancellationToken cancellationToken)
    {
        if (await _cluster.FindAsync(_path, cancellationToken) is { } found)
        {
            var current = Lease.Read(found);
            Observe(current);
            return current;
        }

        if (_observed is not null)
        {
            // It may have existed between two reads that are too far apart.
            var now = _time.GetTimestamp();
            var again = _missing is { } before && _time.GetElapsedTime(before.Seen) <= _options.RenewPeriod;
            _missing = (again ? _missing!.Value.Since : now, now);
        }

        return null;
    }

    /// <summary>The age of a state of the lease is measured from when it was first seen.</summary>
    private void Observe(Lease current)
    {
        _missing = null;
        // Changes of other fields (a label, for example) are not a renewal.
        var renewed =
            _observed is not { } known
            || known.Holder != current.Holder
            || known.RenewTime != current.RenewTime
            || known.AcquireTime != current.AcquireTime
            || known.Transitions != current.Transitions;
        if (renewed)
        {
            if (current.Holder is { } holder && holder != _options.Identity && holder != _observed?.Holder)
                LogLeader(_logger, holder, _options.Namespace, _options.Name);
            _observedAt = _time.GetTimestamp();
        }

        Volatile.Write(ref _observed, current);
    }

    /// <summary>One attempt with a time limit. API server and network errors are logged; repeated ones only once.</summary>
    private async Task<Attempt> AttemptAsync(Func<CancellationToken, Task<Attempt>> attempt, CancellationToken cancellationToken)
    {
        Interlocked.Exchange(ref _attemptAt, _time.GetTimestamp());
        using CancellationTokenSource limit = new(_options.AttemptLimit, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        try
        {
            var result = await attempt(either.Token);
            _loggedError = null;
            Interlocked.Exchange(ref _answeredAt, _time.GetTimestamp());
            return result;
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested) { }
        catch (Exception e)
        {
            var shown = limit.IsCancellationRequested
                ? new CvException(
                    ErrorIds.ClusterTimeout,
                    CvErrorKind.Timeout,
                    $"no response within {_options.AttemptLimit.TotalSeconds} s.",
                    "Check whether the API server is overloaded.",
                    e
                )
                : e as CvException
                    ?? new CvException(
                        ErrorIds.LeaseInvalid,
                        CvErrorKind.Invalid,
                        e.Message,
                        "Delete the Lease. The controller recreates it.",
                        e
                    );
            if (shown.ErrorId != _loggedError)
                LogError(_logger, _options.Namespace, _options.Name, shown.Message, _loggedError = shown.ErrorId, shown.Remedy);
        }

        return new Attempt(Outcome.Failed);
    }

    /// <summary>Synchronous, so that the cancellation has been delivered when it returns.</summary>
    private static void Cancel(CancellationTokenSource source) => source.Cancel();

    /// <summary>
    /// True if this process wrote the lease or, as long as it has written nothing, an earlier process with its identity did.
    /// </summary>
    private bool IsOurs(Lease lease) =>
        lease.Holder == _options.Identity && (_ownRenewals.Count == 0 || _ownRenewals.Contains(lease.RenewTime ?? ""));

    private bool HasRunOut(Lease lease) => _time.GetElapsedTime(_observedAt) >= TimeSpan.FromSeconds(lease.DurationSeconds);

    private TimeSpan UntilDeadlineOf(LeaseMoment renewedAt)
    {
        var left = _options.RenewDeadline - renewedAt.Elapsed(_time);
        return left > TimeSpan.Zero ? left : TimeSpan.Zero;
    }

    /// <summary>A metav1.MicroTime; the API server rejects one without six fractional digits.</summary>
    private string Now() => _time.GetUtcNow().UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", CultureInfo.InvariantCulture);

    private enum Outcome
    {
        /// <summary>The attempt failed, or its result is unknown.</summary>
        Failed,
        Held,

        /// <summary>Another process holds the lease.</summary>
        Taken,
    }

    /// <summary>The fields of a Lease that the election uses.</summary>
    private sealed record Lease(
        JsonObject Metadata,
        string? Holder,
        int DurationSeconds,
        string? AcquireTime,
        string? RenewTime,
        int Transitions
    )
    {
        public static Lease Read(JsonObject json)
        {
            var spec = json["spec"] as JsonObject;
            return new Lease(
                json["metadata"] as JsonObject ?? [],
                spec?["holderIdentity"]?.GetValue<string>() is { Length: > 0 } holder ? holder : null,
                spec?["leaseDurationSeconds"]?.GetValue<int>() ?? 0,
                spec?["acquireTime"]?.GetValue<string>(),
                spec?["renewTime"]?.GetValue<string>(),
                spec?["leaseTransitions"]?.GetValue<int>() ?? 0
            );
        }
    }

    private readonly record struct Attempt(Outcome Outcome, LeaseMoment Since = default);

    [LoggerMessage(
        EventId = LogEvents.LeaseAcquired,
        EventName = nameof(LogEvents.LeaseAcquired),
        Level = LogLevel.Information,
        Message = "{Identity} became the leader (Lease {Namespace}/{Name})"
    )]
    private static partial void LogAcquired(ILogger logger, string identity, string @namespace, string name);

    [LoggerMessage(
        EventId = LogEvents.LeaseLost,
        EventName = nameof(LogEvents.LeaseLost),
        Level = LogLevel.Warning,
        Message = "{Identity} is no longer the leader: it lost Lease {Namespace}/{Name}"
    )]
    private static partial void LogLost(ILogger logger, string identity, string @namespace, string name);

    [LoggerMessage(
        EventId = LogEvents.LeaseReleased,
        EventName = nameof(LogEvents.LeaseReleased),
        Level = LogLevel.Information,
        Message = "{Identity} released Lease {Namespace}/{Name}"
    )]
    private static partial void LogReleased(ILogger logger, string identity, string @namespace, string name);

    [LoggerMessage(
        EventId = LogEvents.LeaderObserved,
        EventName = nameof(LogEvents.LeaderObserved),
        Level = LogLevel.Information,
        Message = "{Holder} is the leader (Lease {Namespace}/{Name})"
    )]
    private static partial void LogLeader(ILogger logger, string holder, string @namespace, string name);

    [LoggerMessage(
        EventId = LogEvents.LeaseFailed,
        EventName = nameof(LogEvents.LeaseFailed),
        Level = LogLevel.Error,
        Message = "Lease {Namespace}/{Name} could not be read or written ({ErrorId}): {Reason} {Remedy}"
    )]
    private static partial void LogError(ILogger logger, string @namespace, string name, string reason, string errorId, string remedy);
}
