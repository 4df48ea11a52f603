using System.Collections.Concurrent;
using CvManager.Resources;

namespace CvManager.Rollouts;

/// <summary>
/// Adjusts the deadlines of rollouts. The status stores them as wall-clock times, so that they survive a restart (R10); but the wall clock
/// may be set, and while the cluster is unavailable a rollout cannot progress. This class corrects for both, as far as this process has
/// observed them: it shifts the times in the status.
/// </summary>
/// <remarks>
/// <para>Thread-safe. Its state is not needed for correctness: after a restart the times in the status apply as they are, but are capped at
/// their maximum (in case the clock was set back). A clock that was set forward while no process ran cannot be distinguished from elapsed
/// time, and can time out a rollout.</para>
/// <para>Shifts of less than <see cref="Tolerance"/> are ignored, because each one would write the status.</para>
/// </remarks>
public sealed class RolloutClock(TimeProvider time)
{
    /// <summary>Covers small adjustments of the clock, by NTP for example, and a few failed requests.</summary>
    private static readonly TimeSpan Tolerance = TimeSpan.FromSeconds(10);

    private readonly ConcurrentDictionary<string, Reading> _readings = new(StringComparer.Ordinal);

    /// <summary>The number of resources with a reading.</summary>
    internal int Count => _readings.Count;

    /// <summary>The wall-clock time in whole seconds, the precision of the status.</summary>
    public DateTimeOffset Now()
    {
        var now = time.GetUtcNow();
        return now.AddTicks(-(now.Ticks % TimeSpan.TicksPerSecond));
    }

    /// <summary>Call after a cluster error for this resource: the time until its next step does not count.</summary>
    public void Interrupt(string key)
    {
        if (_readings.TryGetValue(key, out var last))
            _readings[key] = last with { IsInterrupted = true };
    }

    /// <summary>Returns the rollout with adjusted times, before a step.</summary>
    /// <param name="key">The resource's key.</param>
    /// <param name="rollout">The rollout in the status.</param>
    /// <param name="timeoutSeconds">The maximum remaining time.</param>
    internal RolloutStatus Measure(string key, RolloutStatus rollout, int timeoutSeconds)
    {
        var now = Now();
        (var wall, var ticks) = (time.GetUtcNow(), time.GetTimestamp());
        var owed = TimeSpan.Zero;
        if (_readings.TryGetValue(key, out var last) && last.Rollout == rollout.Id)
        {
            var passed = time.GetElapsedTime(last.Ticks, ticks);
            // A shift is settled when the status contains it. A deadline that matches neither value is new, and based on the current clock.
            owed =
                (
                    rollout.Deadline == last.From ? last.Owed
                    : rollout.Deadline == last.To ? last.Owed - last.Moved
                    : TimeSpan.Zero
                )
                + (wall - last.Wall - passed)
                + (last.IsInterrupted ? passed : TimeSpan.Zero);
        }

        var shift = TimeSpan.FromSeconds(Math.Round(owed.TotalSeconds));
        shift = shift.Duration() >= Tolerance ? shift : TimeSpan.Zero;
        var measured = AtMost(shift == TimeSpan.Zero ? rollout : Moved(rollout, shift), now, timeoutSeconds);
        _readings[key] = new Reading(rollout.Id, wall, ticks, owed, shift, rollout.Deadline, measured.Deadline, IsInterrupted: false);
        return measured;
    }

    /// <summary>Forgets a resource without a rollout in progress.</summary>
    internal void Forget(string key) => _readings.TryRemove(key, out _);

    private static RolloutStatus Moved(RolloutStatus rollout, TimeSpan shift) =>
        rollout with
        {
            Deadline = rollout.Deadline + shift,
            Gates = rollout.Gates is null
                ? null
                :
                [
                    .. rollout.Gates.Select(gate =>
                        gate.Phase == RolloutPhase.Progressing ? gate with { StartedAt = gate.StartedAt + shift } : gate
                    ),
                ],
            BlueGreen = rollout.BlueGreen is { CutOverAt: { } at } pair ? pair with { CutOverAt = at + shift } : rollout.BlueGreen,
            Workloads =
            [
                .. rollout.Workloads.Select(workload =>
                    workload.BlockedSince is { } since ? workload with { BlockedSince = since + shift } : workload
                ),
            ],
        };

    /// <summary>
    /// Caps the times: no start in the future, and no deadline beyond its maximum. (With a tolerance for the clock of another machine.)
    /// </summary>
    private static RolloutStatus AtMost(RolloutStatus rollout, DateTimeOffset now, int timeoutSeconds)
    {
        var soon = now + Tolerance;
        if (rollout.Deadline is { } deadline && deadline > soon.AddSeconds(timeoutSeconds))
            rollout = rollout with { Deadline = now.AddSeconds(timeoutSeconds) };
        if (rollout.Gates?.Any(IsAhead) == true)
            rollout = rollout with { Gates = [.. rollout.Gates.Select(gate => IsAhead(gate) ? gate with { StartedAt = now } : gate)] };
        return rollout.BlueGreen is { CutOverAt: { } at } pair && at > soon
            ? rollout with
            {
                BlueGreen = pair with { CutOverAt = now },
            }
            : rollout;

        bool IsAhead(GateStatus gate) => gate.Phase == RolloutPhase.Progressing && gate.StartedAt > soon;
    }

    /// <summary>
    /// Both clocks at a rollout's last step; the accumulated correction, the applied shift, and the deadline before and after the shift.
    /// </summary>
    private sealed record Reading(
        string Rollout,
        DateTimeOffset Wall,
        long Ticks,
        TimeSpan Owed,
        TimeSpan Moved,
        DateTimeOffset? From,
        DateTimeOffset? To,
        bool IsInterrupted
    );
}
