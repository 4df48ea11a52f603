using CvManager.Resources;
using CvManager.Workloads;

namespace CvManager.Rollouts;

/// <summary>What one step of one resource works with, and how it writes the status of a rollout in progress.</summary>
/// <param name="parts">The services.</param>
/// <param name="plan">The current plan.</param>
/// <param name="status">The status at the start of the step, with the current version of the tag.</param>
/// <param name="writeStatus">Writes the status before a change that requires it; a conflict ends the step.</param>
/// <param name="now">The time of the step.</param>
internal sealed class RolloutStep(
    RolloutParts parts,
    RolloutPlan plan,
    ContainerVersionStatus status,
    Func<ContainerVersionStatus, CancellationToken, Task> writeStatus,
    DateTimeOffset now
)
{
    public RolloutParts Parts => parts;

    public RolloutPlan Plan => plan;

    public ContainerVersion Resource => plan.Resource;

    public ContainerVersionSpec Spec => plan.Resource.Spec;

    public long? Generation => plan.Resource.Metadata.Generation;

    public ContainerVersionStatus Status => status;

    public DateTimeOffset Now => now;

    public StepDeadlines Deadlines { get; } = new(now);

    /// <summary>The workload of an entry, as last read; null if it was deleted or is no longer selected.</summary>
    public (Workload Workload, WorkloadContainer Container)? Find(WorkloadRolloutStatus entry) =>
        plan.Workloads.FirstOrDefault(w => w.Kind == entry.Kind && w.Name == entry.Name) is { } workload
        && workload.FindContainer(Spec.Container.Name) is { } container
            ? (workload, container)
            : null;

    /// <summary>Writes the status before the next change, which requires it (R10).</summary>
    public Task WriteAsync(RolloutStatus rollout, string message, CancellationToken cancellationToken) =>
        writeStatus(Progressing(rollout, message), cancellationToken);

    /// <summary>The status while a rollout is in progress.</summary>
    /// <param name="rollout">The rollout.</param>
    /// <param name="message">What it does or waits for.</param>
    /// <param name="reason">What blocks the rollout; null for nothing.</param>
    public ContainerVersionStatus Progressing(RolloutStatus rollout, string message, string? reason = null) =>
        status with
        {
            CurrVersion = rollout.Version,
            CurrStatus = CurrentStatus.Progressing,
            CurrStatusTime =
                status.CurrStatus == CurrentStatus.Progressing && status.CurrVersion == rollout.Version ? status.CurrStatusTime : now,
            ObservedGeneration = Generation,
            Rollout = rollout,
            Conditions = ConditionList.Reconciling(
                status.Conditions,
                reason ?? ConditionReasons.RolloutInProgress,
                message,
                Generation,
                now
            ),
        };

    /// <summary>The status when the workloads run a version; its conditions are still the former ones.</summary>
    public ContainerVersionStatus Succeeded(string? version) =>
        status with
        {
            CurrVersion = version,
            CurrStatus = CurrentStatus.Success,
            CurrStatusTime = status.CurrStatus == CurrentStatus.Success && status.CurrVersion == version ? status.CurrStatusTime : now,
            SuccessVersion = version,
        };
}
