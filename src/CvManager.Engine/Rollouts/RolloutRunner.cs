using CvManager.Cluster;
using CvManager.Resources;
using CvManager.Workloads;

namespace CvManager.Rollouts;

/// <summary>What a step led to.</summary>
/// <param name="Status">The status that the resource is to have; it may be the one it has.</param>
/// <param name="ComeAgain">When there is something to do or to see again; null where only a change can bring it.</param>
/// <param name="Finished">The rollout that this step ended.</param>
public sealed record StepResult(ContainerVersionStatus Status, TimeSpan? ComeAgain, RolloutStatus? Finished = null);

/// <summary>
/// Carries out plans, a step at a time. Each step can be run again: what was done before it is read from the status and the
/// workloads, and nothing that matters is kept in memory (R10).
/// </summary>
/// <remarks>Thread-safe; two calls for one resource at the same time are the caller's mistake, and end in a status conflict.</remarks>
/// <param name="cluster">What is changed.</param>
/// <param name="workloads">Reads and changes workloads.</param>
/// <param name="clock">What rollouts' deadlines are measured by.</param>
/// <param name="random">Draws the names of gates' pods in a test; null for names that cannot be foreseen.</param>
public sealed class RolloutRunner(ClusterConnection cluster, WorkloadStore workloads, RolloutClock clock, Random? random = null)
{
    private readonly RolloutParts _parts = new(workloads, new WorkloadDelivery(cluster, workloads, new EvidencePace(clock.Time)), new GateRunner(cluster, random), new ServiceStore(cluster));

    /// <summary>Runs what can be run now.</summary>
    /// <param name="plan">Made from the world as it was just seen.</param>
    /// <param name="status">The resource's status, with what the tag stands for in it.</param>
    /// <param name="writeStatus">Writes a status before something is changed that must not be without it; a conflict there ends the step.</param>
    /// <param name="cancellationToken">Stops between two requests.</param>
    /// <exception cref="CvException">The cluster could not be asked, or refused; the step is to be run again.</exception>
    public async Task<StepResult> StepAsync(RolloutPlan plan, ContainerVersionStatus status,
        Func<ContainerVersionStatus, CancellationToken, Task> writeStatus, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(plan);
        ArgumentNullException.ThrowIfNull(status);
        ArgumentNullException.ThrowIfNull(writeStatus);
        DateTimeOffset now = clock.Now();
        if (status.Rollout is not { } rollout || RolloutPhase.IsFinal(rollout.Phase))
        {
            clock.Forget(plan.Resource.Key);
            return await new RolloutStep(_parts, plan, status, writeStatus, now).StartAsync(cancellationToken);
        }

        rollout = clock.Measure(plan.Resource.Key, rollout, plan.Resource.Spec.TimeoutSeconds);
        RolloutStep step = new(_parts, plan, status, writeStatus, now);
        if (plan.Verdict == PlanVerdict.Held)
            return await step.SupersedeAsync(rollout, "The ContainerVersion was suspended during the rollout.", cancellationToken);
        // What has failed goes back to the end, whatever is wanted next.
        if (rollout.Phase == RolloutPhase.RollingBack)
            return await step.AdvanceAsync(rollout, cancellationToken);
        if (plan.Reason == ConditionReasons.InvalidSpec)
            return await step.SupersedeAsync(rollout, "The ContainerVersion was changed to an invalid specification during the rollout.", cancellationToken);
        if (rollout.BlueGreen is { } pair && !IsStill(pair, plan.Resource.Spec.Strategy))
            return await step.SupersedeAsync(rollout, "spec.strategy was changed during the rollout.", cancellationToken);
        if (GateRunner.HasOthers(plan.Resource.Spec, rollout))
            return await step.SupersedeAsync(rollout, "The gates were changed during the rollout.", cancellationToken);
        if (plan.Digest is { } digest && digest != rollout.Digest)
            return await step.SupersedeAsync(rollout, $"Replaced by version {plan.Version}.", cancellationToken);
        return await step.AdvanceAsync(rollout, cancellationToken);
    }

    private static bool IsStill(BlueGreenStatus pair, StrategySpec strategy) => strategy.Kind == StrategySpec.ServiceBlueGreen
        && strategy.BlueGreen is { } asked && asked.ServiceName == pair.Service && asked.LabelNames.SequenceEqual(pair.LabelNames);
}

/// <summary>What a step works with.</summary>
internal sealed record RolloutParts(WorkloadStore Workloads, WorkloadDelivery Delivery, GateRunner Gates, ServiceStore Services);
