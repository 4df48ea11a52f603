using CvManager.Cluster;
using CvManager.Resources;
using CvManager.Workloads;

namespace CvManager.Rollouts;

/// <summary>
/// Carries out plans one step at a time. Each step can be run again: earlier progress is read from the status and the workloads, and
/// nothing that matters is kept in memory (R10).
/// </summary>
/// <remarks>Thread-safe. Do not run two steps of one resource at the same time: one would end with a status conflict.</remarks>
/// <param name="cluster">The cluster to change.</param>
/// <param name="workloads">Reads and changes workloads.</param>
/// <param name="clock">Adjusts the deadlines of rollouts.</param>
/// <param name="environment">The clock, and the gate pods' names.</param>
public sealed class RolloutRunner(ClusterConnection cluster, WorkloadStore workloads, RolloutClock clock, EngineEnvironment environment)
{
    private readonly RolloutParts _parts = new(
        workloads,
        new WorkloadDelivery(cluster, workloads, new EvidenceRateLimiter(environment.Time)),
        new GateRunner(cluster, environment),
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
        var last = status.Rollout is { } found && !RolloutPhase.IsFinal(found.Phase) ? found : null;
        if (last is null)
            clock.Forget(plan.Resource.Key);
        var rollout = last is null ? null : clock.Measure(plan.Resource.Key, last, plan.Resource.Spec.TimeoutSeconds);
        RolloutStep step = new(_parts, plan, status, writeStatus, now);
        if (rollout is not null)
            return ReasonToSupersede(step, rollout) is { } reason
                ? await new StepOutcomes(step).SupersedeAsync(rollout, reason, cancellationToken)
                : await AdvanceAsync(step, rollout, cancellationToken);
        if (plan.Verdict != PlanVerdict.RollOut)
            return new StepResult(IdleStatus.Of(step), null);
        rollout = RolloutIntent.Of(step);
        await step.WriteAsync(rollout, plan.Message, cancellationToken);
        return await AdvanceAsync(step, rollout, cancellationToken);
    }

    /// <summary>Why a rollout in progress is not continued; null to continue it.</summary>
    private static string? ReasonToSupersede(RolloutStep step, RolloutStatus rollout)
    {
        if (step.Plan.Verdict == PlanVerdict.Held)
            return "The ContainerVersion was suspended during the rollout.";
        // A rollback is completed, whatever the new plan is.
        if (rollout.Phase == RolloutPhase.RollingBack)
            return null;
        if (step.Plan.Reason == ConditionReasons.InvalidSpec)
            return "The ContainerVersion was changed to an invalid specification during the rollout.";
        if (!RolloutStrategies.Of(rollout, step).IsCurrent(rollout, step.Spec.Strategy))
            return "spec.strategy was changed during the rollout.";
        if (GateRunner.HaveChanged(step.Spec, rollout))
            return "The gates were changed during the rollout.";
        return step.Plan.Digest is { } digest && digest != rollout.Digest ? $"Replaced by version {step.Plan.Version}." : null;
    }

    private static async Task<StepResult> AdvanceAsync(RolloutStep step, RolloutStatus rollout, CancellationToken cancellationToken)
    {
        var strategy = RolloutStrategies.Of(rollout, step);
        if (rollout.Phase == RolloutPhase.RollingBack)
            return await new Rollback(step).AdvanceAsync(rollout, strategy, cancellationToken);
        if (rollout.Phase == RolloutPhase.Verifying)
        {
            (rollout, var passed, var message) = await new StepGates(step).AdvanceAsync(rollout, GateStage.Container, cancellationToken);
            if (passed == false)
                return await new StepOutcomes(step).FailAsync(rollout, message, cancellationToken);
            if (passed is null)
                return new StepOutcomes(step).WaitForGate(rollout, message);
            // The status says that the gates have passed before anything is changed.
            rollout = rollout with
            {
                Phase = RolloutPhase.Progressing,
            };
            await step.WriteAsync(rollout, $"Rolling out version {rollout.Version}: all gates passed.", cancellationToken);
        }

        return await strategy.RollOutAsync(rollout, cancellationToken);
    }
}
