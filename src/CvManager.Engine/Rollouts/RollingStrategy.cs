using CvManager.Resources;

namespace CvManager.Rollouts;

/// <summary>Sets the image of all workloads at once; each kind replaces its pods in its own way (R4).</summary>
internal sealed class RollingStrategy(RolloutStep step) : IRolloutStrategy
{
    private readonly StepDelivery _delivery = new(step);
    private readonly StepOutcomes _outcomes = new(step);

    // A change of the strategy applies to the next rollout.
    public bool IsCurrent(RolloutStatus rollout, StrategySpec spec) => true;

    public async Task<StepResult> RollOutAsync(RolloutStatus rollout, CancellationToken cancellationToken)
    {
        (rollout, var contended) = await _delivery.AdvanceAsync(rollout, cancellationToken);
        if (contended is not null)
            return await _outcomes.SupersedeContendedAsync(rollout, contended, cancellationToken);
        List<WorkloadRolloutStatus> workloads = [.. rollout.Workloads];
        if (workloads.Find(w => w.Phase == RolloutPhase.Failed) is { } failed)
            return await _outcomes.FailAsync(rollout, failed, cancellationToken);
        if (workloads.TrueForAll(w => w.Phase == RolloutPhase.Superseded))
            return await _outcomes.SupersedeAsync(rollout, "Its workloads were deleted or are no longer selected.", cancellationToken);
        List<WorkloadRolloutStatus> waiting = [.. workloads.Where(w => w.Phase is not (RolloutPhase.Succeeded or RolloutPhase.Superseded))];
        return waiting.Count == 0
            ? await _outcomes.SucceedAsync(rollout, step.Plan.Workloads, cancellationToken)
            : _outcomes.Continue(rollout, string.Join("; ", waiting.Select(w => $"{w.Kind}/{w.Name}: {w.Message}")));
    }

    public Task<string?> RevertAsync(RolloutStatus rollout, CancellationToken cancellationToken) => Task.FromResult<string?>(null);
}
