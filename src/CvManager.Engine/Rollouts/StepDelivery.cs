using CvManager.Resources;

namespace CvManager.Rollouts;

/// <summary>Delivers images to the workloads of a rollout, and updates their entries in the status.</summary>
internal sealed class StepDelivery(RolloutStep step)
{
    /// <summary>
    /// Delivers the image to each unfinished workload, and updates the entries. R3: if another client changes an image back, that counts as
    /// a repeat of the rollout; after the last repeat the image is left unchanged.
    /// </summary>
    /// <returns>The rollout, and the contended workload; null if there is none.</returns>
    public async Task<(RolloutStatus Rollout, WorkloadRolloutStatus? Contended)> AdvanceAsync(
        RolloutStatus rollout,
        CancellationToken cancellationToken
    )
    {
        var repeated = false;
        foreach (var entry in rollout.Workloads)
        {
            if (entry.Phase is RolloutPhase.Succeeded or RolloutPhase.Failed or RolloutPhase.Superseded)
                continue;
            var wasPatched = entry.Phase == RolloutPhase.Progressing;
            if (wasPatched && rollout.Repeats >= Planner.MaxRepeats && await IsChangedBackAsync(Order(rollout, entry), cancellationToken))
                return (rollout, entry);
            (rollout, var progress) = await AdvanceAsync(rollout, Order(rollout, entry), cancellationToken);
            // The webhook would rewrite it again: do not repeat (R3).
            if (progress.State == DeliveryState.Overruled)
                return (
                    rollout with
                    {
                        Repeats = Planner.MaxRepeats,
                    },
                    rollout.Workloads.First(w => w.Kind == entry.Kind && w.Name == entry.Name)
                );
            repeated |= wasPatched && progress.IsSwapped;
        }

        return (rollout with { Repeats = rollout.Repeats + (repeated ? 1 : 0) }, null);
    }

    /// <summary>Carries out one order, and updates the entry of its workload.</summary>
    public async Task<(RolloutStatus Rollout, DeliveryProgress Progress)> AdvanceAsync(
        RolloutStatus rollout,
        DeliveryOrder order,
        CancellationToken cancellationToken
    )
    {
        var progress = step.Find(order.Entry) is { } found
            ? await step.Parts.Delivery.AdvanceAsync(found.Workload, found.Container, order, cancellationToken)
            : await step.Parts.Delivery.AdvanceAbsentAsync(
                step.Resource.Metadata.Namespace!,
                step.Spec.Container.Name,
                order,
                cancellationToken
            );
        return (With(rollout, order, progress), progress);
    }

    /// <summary>The delivery order for a workload of a rollout.</summary>
    public DeliveryOrder Order(RolloutStatus rollout, WorkloadRolloutStatus entry) =>
        new(entry, entry.ToImage, rollout.Digest)
        {
            FailFast = step.Spec.Rollback.FailFast,
            IsDue = step.Deadlines.IsDue(rollout, entry),
            Rewrites = rollout.Rewrites ?? [],
            Since = rollout.StartedAt,
            Now = step.Now,
        };

    /// <summary>The rollout with the updated entry of one workload.</summary>
    public RolloutStatus With(RolloutStatus rollout, DeliveryOrder order, DeliveryProgress progress)
    {
        var entry = order.Entry;
        var blocked = progress.BlockedBy is not null;
        var after = entry with
        {
            Message = progress.Message,
            Phase = progress.State switch
            {
                DeliveryState.Done => RolloutPhase.Succeeded,
                DeliveryState.Failed => RolloutPhase.Failed,
                DeliveryState.Gone or DeliveryState.Overruled => RolloutPhase.Superseded,
                _ => progress.IsPatched ? RolloutPhase.Progressing : entry.Phase,
            },
            Baseline = progress.Baseline ?? entry.Baseline,
            Trouble =
                progress.Trouble is { NamesCause: true } trouble && entry.Trouble?.Kind != trouble.Kind
                    ? new WorkloadTrouble(trouble.Kind, trouble.Message)
                    : entry.Trouble,
            Replacement = progress.State == DeliveryState.Waiting ? progress.Replacement : null,
            BlockedBy = progress.IsSeen ? progress.BlockedBy : entry.BlockedBy,
            BlockedSince =
                !progress.IsSeen ? entry.BlockedSince
                : blocked ? entry.BlockedSince ?? step.Now
                : null,
            BlockedSeconds = progress.IsSeen && !blocked ? (int)step.Deadlines.BlockedTime(entry).TotalSeconds : entry.BlockedSeconds,
        };
        return rollout with
        {
            Workloads = [.. rollout.Workloads.Select(w => w.Kind == entry.Kind && w.Name == entry.Name ? after : w)],
            Rewrites = progress.Answered is null
                ? rollout.Rewrites
                :
                [
                    .. rollout.Rewrites?.Where(r => (r.Kind, r.Name, r.Asked) != (entry.Kind, entry.Name, order.Image)) ?? [],
                    new ImageRewrite(entry.Kind, entry.Name, order.Image, progress.Answered),
                ],
        };
    }

    /// <summary>Whether another client changed the image; read from the API server, because the watch may be late.</summary>
    private async Task<bool> IsChangedBackAsync(DeliveryOrder order, CancellationToken cancellationToken) =>
        step.Find(order.Entry) is { } seen
        && !order.Has(seen.Container.Image)
        && await step.Parts.Workloads.FindAsync(seen.Workload, cancellationToken) is { } fresh
        && !(fresh.FindContainer(step.Spec.Container.Name) is { } container && order.Has(container.Image));
}
