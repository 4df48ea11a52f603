using System.Collections.Concurrent;
using CvManager.Resources;

namespace CvManager.Rollouts;

/// <summary>
/// What deadlines are measured by. The status keeps them as times of day, so that whoever comes after a restart knows them (R10); but a clock
/// may be set, and a cluster that cannot be asked gives a rollout no time. What this process has seen of both is made up for: the times
/// in the status are moved along.
/// </summary>
/// <remarks>
/// <para>Thread-safe. It remembers nothing that is needed: after a restart, the times in the status hold as they are, but none is further off
/// than it may be (a clock that was set back meanwhile). A clock that was set forwards while no process ran cannot be told from time
/// that passed, and does time a rollout out.</para>
/// <para>Steps of less than <see cref="Tolerance"/> are not made up for: the status would be written for each.</para>
/// </remarks>
public sealed class RolloutClock(TimeProvider time)
{
    /// <summary>As much as a clock is set in passing, by NTP say, or a few failed requests take.</summary>
    private static readonly TimeSpan Tolerance = TimeSpan.FromSeconds(10);

    private readonly ConcurrentDictionary<string, Reading> _readings = new(StringComparer.Ordinal);

    internal TimeProvider Time => time;

    /// <summary>Resources of which it remembers something.</summary>
    internal int Count => _readings.Count;

    /// <summary>The time of day, in whole seconds as the status keeps it: a time that it gives back must equal the one that was put in.</summary>
    public DateTimeOffset Now()
    {
        DateTimeOffset now = time.GetUtcNow();
        return now.AddTicks(-(now.Ticks % TimeSpan.TicksPerSecond));
    }

    /// <summary>The cluster could not be asked for this resource, or refused: the time until its next step does not count.</summary>
    public void Interrupt(string key)
    {
        if (_readings.TryGetValue(key, out Reading? last))
            _readings[key] = last with { IsInterrupted = true };
    }

    /// <summary>The rollout with its times as they hold now: that of a step that is about to be run.</summary>
    /// <param name="key">The resource.</param>
    /// <param name="rollout">As its status has it.</param>
    /// <param name="timeoutSeconds">The most that it may have left.</param>
    internal RolloutStatus Measure(string key, RolloutStatus rollout, int timeoutSeconds)
    {
        DateTimeOffset now = Now();
        (DateTimeOffset wall, long ticks) = (time.GetUtcNow(), time.GetTimestamp());
        TimeSpan owed = TimeSpan.Zero;
        if (_readings.TryGetValue(key, out Reading? last) && last.Rollout == rollout.Id)
        {
            TimeSpan passed = time.GetElapsedTime(last.Ticks, ticks);
            // What was moved is made up for once the status has it; another deadline than either is a new one, from what the clock said then.
            owed = (rollout.Deadline == last.From ? last.Owed : rollout.Deadline == last.To ? last.Owed - last.Moved : TimeSpan.Zero)
                + (wall - last.Wall - passed) + (last.IsInterrupted ? passed : TimeSpan.Zero);
        }

        TimeSpan shift = TimeSpan.FromSeconds(Math.Round(owed.TotalSeconds));
        shift = shift.Duration() >= Tolerance ? shift : TimeSpan.Zero;
        RolloutStatus measured = AtMost(shift == TimeSpan.Zero ? rollout : Moved(rollout, shift), now, timeoutSeconds);
        _readings[key] = new Reading(rollout.Id, wall, ticks, owed, shift, rollout.Deadline, measured.Deadline, IsInterrupted: false);
        return measured;
    }

    /// <summary>Nothing is in progress there any more.</summary>
    internal void Forget(string key) => _readings.TryRemove(key, out _);

    private static RolloutStatus Moved(RolloutStatus rollout, TimeSpan shift) => rollout with
    {
        Deadline = rollout.Deadline + shift,
        Gates = rollout.Gates is null ? null : [.. rollout.Gates.Select(gate => gate.Phase == RolloutPhase.Progressing ? gate with { StartedAt = gate.StartedAt + shift } : gate)],
        BlueGreen = rollout.BlueGreen is { CutOverAt: { } at } pair ? pair with { CutOverAt = at + shift } : rollout.BlueGreen,
        Workloads = [.. rollout.Workloads.Select(workload => workload.BlockedSince is { } since ? workload with { BlockedSince = since + shift } : workload)],
    };

    /// <summary>Nothing has begun in the future, and no deadline is further off than it was at first. (A tolerance for whoever wrote it on another machine.)</summary>
    private static RolloutStatus AtMost(RolloutStatus rollout, DateTimeOffset now, int timeoutSeconds)
    {
        DateTimeOffset soon = now + Tolerance;
        if (rollout.Deadline is { } deadline && deadline > soon.AddSeconds(timeoutSeconds))
            rollout = rollout with { Deadline = now.AddSeconds(timeoutSeconds) };
        if (rollout.Gates?.Any(IsAhead) == true)
            rollout = rollout with { Gates = [.. rollout.Gates.Select(gate => IsAhead(gate) ? gate with { StartedAt = now } : gate)] };
        return rollout.BlueGreen is { CutOverAt: { } at } pair && at > soon ? rollout with { BlueGreen = pair with { CutOverAt = now } } : rollout;

        bool IsAhead(GateStatus gate) => gate.Phase == RolloutPhase.Progressing && gate.StartedAt > soon;
    }

    /// <summary>Both clocks at a rollout's last step; what its times were behind then, how far they were moved, and its deadline before and after that.</summary>
    private sealed record Reading(string Rollout, DateTimeOffset Wall, long Ticks, TimeSpan Owed, TimeSpan Moved, DateTimeOffset? From, DateTimeOffset? To, bool IsInterrupted);
}
