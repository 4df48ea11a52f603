using CvManager.Resources;

namespace CvManager.Rollouts;

/// <summary>When the time of a rollout and of its workloads is up, and when they are checked again. Pure.</summary>
/// <param name="now">The time of the step.</param>
internal sealed class StepDeadlines(DateTimeOffset now)
{
    // When a rollout in progress is checked again without an event: within seconds at first, to detect failures early, but a rollout that
    // takes an hour need not be checked 3600 times.
    public static readonly TimeSpan MinWait = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan MaxWait = TimeSpan.FromSeconds(10);

    /// <summary>
    /// The workload that blocks the rollout, if all unfinished workloads are blocked; otherwise null, because the others may still time
    /// out.
    /// </summary>
    public static WorkloadRolloutStatus? Blocking(RolloutStatus rollout)
    {
        List<WorkloadRolloutStatus> waiting =
        [
            .. rollout.Workloads.Where(w => w.Phase is not (RolloutPhase.Succeeded or RolloutPhase.Superseded or RolloutPhase.RolledBack)),
        ];
        return waiting.TrueForAll(w => w.BlockedBy is not null) ? waiting.FirstOrDefault() : null;
    }

    /// <summary>How long a workload was blocked during the rollout.</summary>
    public TimeSpan BlockedTime(WorkloadRolloutStatus entry)
    {
        var lasting = entry.BlockedSince is { } since && now > since ? now - since : TimeSpan.Zero;
        return TimeSpan.FromSeconds(entry.BlockedSeconds) + lasting;
    }

    /// <summary>Whether a workload's time is up, not counting the time for which it was blocked.</summary>
    public bool IsDue(RolloutStatus rollout, WorkloadRolloutStatus entry) => now >= rollout.Deadline + BlockedTime(entry);

    /// <summary>Whether the time of the rollout and of all its workloads is up.</summary>
    public bool IsDue(RolloutStatus rollout) =>
        Blocking(rollout) is null && rollout.Workloads.All(entry => IsDue(rollout, entry)) && now >= rollout.Deadline;

    /// <summary>How long to wait for an event before the rollout is checked again.</summary>
    public TimeSpan Wait(RolloutStatus rollout)
    {
        var wait = (now - rollout.StartedAt) / 10;
        return wait < MinWait ? MinWait
            : wait > MaxWait ? MaxWait
            : wait;
    }
}
