using System.Security.Cryptography;
using System.Text;
using CvManager.Cluster;
using CvManager.Resources;

namespace CvManager.Rollouts;

/// <summary>The intent that is written before the first patch (R10): the old and the new image of every workload.</summary>
internal static class RolloutIntent
{
    public static RolloutStatus Of(RolloutStep step)
    {
        (var plan, var spec, var now) = (step.Plan, step.Spec, step.Now);
        var again =
            step.Status.Rollout is { Phase: RolloutPhase.Succeeded } last
            && last.Digest == plan.Digest
            && step.Status.ObservedGeneration == step.Generation;
        var gates = GateRunner.Plan(spec);
        return new RolloutStatus
        {
            Id = NewId(step),
            Version = plan.Version!,
            Digest = plan.Digest!,
            Phase = gates?.Any(gate => gate.Stage == GateStage.Container) == true ? RolloutPhase.Verifying : RolloutPhase.Progressing,
            StartedAt = now,
            Deadline = now.AddSeconds(spec.TimeoutSeconds),
            Repeats = again ? step.Status.Rollout!.Repeats + 1 : 0,
            StartedBy = spec.PinVersion.Length > 0 ? Hold.Of(plan.Resource)?.By ?? "a person" : null,
            StartedFor = spec.PinVersion.Length > 0 ? Hold.Of(plan.Resource)?.Reason : null,
            Gates = gates,
            BlueGreen = plan.BlueGreen is { } pair
                ? new BlueGreenStatus
                {
                    Live = pair.Live.Reference,
                    Idle = pair.Idle.Reference,
                    IdleReplicas = pair.Idle.DesiredPods ?? 0,
                    Service = spec.Strategy.BlueGreen!.ServiceName,
                    LabelNames = spec.Strategy.BlueGreen.LabelNames,
                }
                : null,
            Workloads =
            [
                .. plan.Changes.Select(c => new WorkloadRolloutStatus
                {
                    Kind = c.Workload.Kind,
                    Name = c.Workload.Name,
                    FromImage = FormerImage(step, c),
                    ToImage = c.ToImage,
                    Phase = RolloutPhase.Pending,
                    Baseline = WorkloadDelivery.BaselineOf(c.Workload, c.Container),
                }),
            ],
            // Rewrites of workloads that this rollout does not change stay valid as long as they have the image.
            Rewrites = step
                .Status.Rollout?.Rewrites?.Where(r =>
                    plan.Workloads.Any(w =>
                        w.Kind == r.Kind && w.Name == r.Name && w.FindContainer(spec.Container.Name)?.Image == r.Answered
                    )
                )
                .ToList()
                is { Count: > 0 } kept
                ? kept
                : null,
        };
    }

    /// <summary>
    /// Made from time, digest and resource, because several resources may follow one tag; with a number if the last rollout in the same
    /// second had the same digest. R8 identifies records by it.
    /// </summary>
    private static string NewId(RolloutStep step)
    {
        var resource = SHA256.HashData(Encoding.UTF8.GetBytes($"{step.Resource.Key} {step.Resource.Metadata.Uid}"));
        var id =
            $"{step.Now:yyyyMMddHHmmss}-{step.Plan.Digest!.Split(':')[^1][..6]}-{Convert.ToHexString(resource)[..8].ToLowerInvariant()}";
        var last = step.Status.Rollout?.Id ?? "";
        return last == id ? $"{id}-2"
            : last.StartsWith(id + "-", StringComparison.Ordinal) && int.TryParse(last.AsSpan(id.Length + 1), out var number)
                ? $"{id}-{number + 1}"
            : id;
    }

    /// <summary>
    /// The image for a rollback of a workload. A superseded rollout's version was never proved, so that its former image is used instead;
    /// also if that rollout had not reached the workload yet, and for all workloads if this rollout continues it.
    /// </summary>
    private static string FormerImage(RolloutStep step, PlannedChange change)
    {
        var present = change.Container.Image;
        if (
            step.Status.Rollout is not { Phase: RolloutPhase.Superseded } last
            || last.Workloads.FirstOrDefault(w => w.Kind == change.Workload.Kind && w.Name == change.Workload.Name) is not { } entry
        )
        {
            return present;
        }

        var isOfLast =
            new StepDelivery(step).Order(last, entry).Has(present)
            && (entry.Phase != RolloutPhase.Succeeded || last.Digest == step.Plan.Digest);
        var isUntouched = entry.Phase == RolloutPhase.Pending && change.Container.ImageManager == ClusterConnection.FieldManager;
        return isOfLast || isUntouched ? entry.FromImage : present;
    }
}
