using CvManager.Cluster;
using CvManager.Resources;
using CvManager.Workloads;

namespace CvManager.Rollouts;

/// <summary>The result of a step.</summary>
/// <param name="Status">The new status of the resource; may be unchanged.</param>
/// <param name="RequeueAfter">When to run the next step; null if nothing is due before the next change.</param>
/// <param name="Finished">The rollout that this step ended; null for none.</param>
public sealed record StepResult(ContainerVersionStatus Status, TimeSpan? RequeueAfter, RolloutStatus? Finished = null);

/// <summary>
/// Carries out plans one step at a time. Each step can be run again: earlier progress is read from the status and the workloads, and nothing
/// that matters is kept in memory (R10).
/// </summary>
/// <remarks>Thread-safe. Do not run two steps of one resource at the same time: one would end with a status conflict.</remarks>
/// <param name="cluster">The cluster to change.</param>
/// <param name="workloads">Reads and changes workloads.</param>
/// <param name="clock">Adjusts the deadlines of rollouts.</param>
/// <param name="random">The source of the gate pods' names in tests; null for unpredictable names.</param>
public sealed class RolloutRunner(ClusterConnection cluster, WorkloadStore workloads, RolloutClock clock, Random? random = null)
{
    private readonly RolloutParts _parts = new(
        workloads,
        new WorkloadDelivery(cluster, workloads, new EvidenceRateLimiter(clock.Time)),
        new GateRunner(cluster, random),
        new ServiceStore(cluster)
    );

    /// <summary>Runs what can be done now.</summary>
    /// <param name="plan">The current plan.</param>
    /// <param name="status">The resource's status, with the current version of the tag.</param>
    /// <param name="writeStatus">Writes the status before a change that requires it; a conflict ends the step.</param>
    /// <param name="cancellationToken">Stops between two requests.</param>
    /// <exception cref="CvException">The cluster refused or was unavailable; run the step again.</exception>
    public async Task<StepResult> StepAsync(
        RolloutPlan plan,
        ContainerVersionStatus status,
        Func<ContainerVersionStatus, CancellationToken, Task> writeStatus,
        CancellationToken cancellationToken
    )
    {
        ArgumentNullException.ThrowIfNull(plan);
        ArgumentNullException.ThrowIfNull(status);
        ArgumentNullException.ThrowIfNull(writeStatus);
        var now = clock.Now();
        if (status.Rollout is not { } rollout || RolloutPhase.IsFinal(rollout.Phase))
        {
            clock.Forget(plan.Resource.Key);
            return await new RolloutStep(_parts, plan, status, writeStatus, now).StartAsync(cancellationToken);
        }

        rollout = clock.Measure(plan.Resource.Key, rollout, plan.Resource.Spec.TimeoutSeconds);
        RolloutStep step = new(_parts, plan, status, writeStatus, now);
        if (plan.Verdict == PlanVerdict.Held)
            return await step.SupersedeAsync(rollout, "The ContainerVersion was suspended during the rollout.", cancellationToken);
        // A rollback is completed, whatever the new plan is.
        if (rollout.Phase == RolloutPhase.RollingBack)
            return await step.AdvanceAsync(rollout, cancellationToken);
        if (plan.Reason == ConditionReasons.InvalidSpec)
            return await step.SupersedeAsync(
                rollout,
                "The ContainerVersion was changed to an invalid specification during the rollout.",
                cancellationToken
            );
        if (rollout.BlueGreen is { } pair && !IsStill(pair, plan.Resource.Spec.Strategy))
            return await step.SupersedeAsync(rollout, "spec.strategy was changed during the rollout.", cancellationToken);
        if (GateRunner.HaveChanged(plan.Resource.Spec, rollout))
            return await step.SupersedeAsync(rollout, "The gates were changed during the rollout.", cancellationToken);
        if (plan.Digest is { } digest && digest != rollout.Digest)
            return await step.SupersedeAsync(rollout, $"Replaced by version {plan.Version}.", cancellationToken);
        return await step.AdvanceAsync(rollout, cancellationToken);
    }

    private static bool IsStill(BlueGreenStatus pair, StrategySpec strategy) =>
        strategy.Kind == StrategySpec.ServiceBlueGreen
        && strategy.BlueGreen is { } asked
        && asked.ServiceName == pair.Service
        && asked.LabelNames.SequenceEqual(pair.LabelNames);
}

/// <summary>The services that a step uses.</summary>
internal sealed record RolloutParts(WorkloadStore Workloads, WorkloadDelivery Delivery, GateRunner Gates, ServiceStore Services);
