using CvManager.Resources;
using CvManager.Workloads;

namespace CvManager.Rollouts;

/// <summary>R6: takes each patched workload of a failed rollout back to the image that it had, and waits for it.</summary>
internal sealed class Rollback(RolloutStep step)
{
    private readonly StepDelivery _delivery = new(step);
    private readonly StepOutcomes _outcomes = new(step);

    public async Task<StepResult> AdvanceAsync(RolloutStatus rollout, IRolloutStrategy strategy, CancellationToken cancellationToken)
    {
        if (await strategy.RevertAsync(rollout, cancellationToken) is { } missing && step.Now < rollout.Deadline)
            return _outcomes.ContinueRollback(rollout, missing, StepDeadlines.MinWait);
        foreach (var entry in rollout.Workloads)
            rollout = await RestoreAsync(rollout, entry, cancellationToken);
        List<WorkloadRolloutStatus> left = [.. rollout.Workloads.Where(w => !RolloutPhase.IsFinal(w.Phase))];
        if (left.Count == 0)
            return _outcomes.EndRollback(rollout with { Phase = RolloutPhase.RolledBack });
        var stuck = string.Join("; ", left.Select(w => $"{w.Kind}/{w.Name}: {w.Message}"));
        return left.Exists(w => w.BlockedBy is null && step.Deadlines.IsDue(rollout, w))
            ? _outcomes.EndRollback(
                rollout with
                {
                    Phase = RolloutPhase.Failed,
                    Message = $"{rollout.Message}; the rollback failed: {stuck}",
                }
            )
            : _outcomes.ContinueRollback(rollout, stuck, step.Deadlines.Wait(rollout));
    }

    private async Task<RolloutStatus> RestoreAsync(RolloutStatus rollout, WorkloadRolloutStatus entry, CancellationToken cancellationToken)
    {
        if (entry.Phase is RolloutPhase.RolledBack or RolloutPhase.Superseded)
            return rollout;
        DeliveryOrder back = new(entry, entry.FromImage, RunningImage.DigestOf(entry.FromImage))
        {
            Failed = entry.ToImage,
            Rewrites = rollout.Rewrites ?? [],
            Since = rollout.StartedAt,
            Now = step.Now,
        };
        if (step.Find(entry) is { Container.Image: { } image } && !back.Has(image) && !_delivery.Order(rollout, entry).Has(image))
            return _delivery.With(
                rollout,
                back,
                new DeliveryProgress(DeliveryState.Overruled, $"Another client set the image {image}; it is left unchanged.")
            );
        (rollout, _) = await _delivery.AdvanceAsync(rollout, back, cancellationToken);
        return rollout with
        {
            Workloads =
            [
                .. rollout.Workloads.Select(w =>
                    w.Kind != entry.Kind || w.Name != entry.Name
                        ? w
                        : w with
                        {
                            Message = w.Phase == RolloutPhase.Succeeded ? $"restored to {entry.FromImage}" : w.Message,
                            Phase = w.Phase switch
                            {
                                RolloutPhase.Succeeded => RolloutPhase.RolledBack,
                                RolloutPhase.Superseded => RolloutPhase.Superseded,
                                _ => RolloutPhase.RollingBack,
                            },
                            // The trouble of the failed version's pods is already in the rollout's message.
                            Trouble = entry.Phase == RolloutPhase.RollingBack ? w.Trouble : null,
                        }
                ),
            ],
        };
    }
}
