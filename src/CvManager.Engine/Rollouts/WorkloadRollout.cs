using CvManager.Resources;
using CvManager.Workloads;

namespace CvManager.Rollouts;

/// <summary>The progress of the current or last rollout of a ContainerVersion for one workload. Immutable.</summary>
/// <param name="Resource">The ContainerVersion.</param>
/// <param name="Rollout">Its rollout.</param>
/// <param name="Entry">The part of the rollout for this workload.</param>
/// <param name="Workload">Null if it does not exist.</param>
public sealed record WorkloadRollout(ContainerVersion Resource, RolloutStatus Rollout, WorkloadRolloutStatus Entry, Workload? Workload)
{
    /// <summary>The current image of the container; null if there is none.</summary>
    public string? Image => Workload?.FindContainer(Resource.Spec.Container.Name)?.Image;

    /// <summary>What the rollout waits for, or why it failed.</summary>
    public string Message => Entry.Message ?? Rollout.Message ?? "";

    /// <summary>When the rollout times out; null if it is finished.</summary>
    public DateTimeOffset? Deadline => Rollout.FinishedAt is null ? Rollout.Deadline : null;

    /// <summary>One for each workload of each rollout, in the order of the resources. Pure.</summary>
    public static IEnumerable<WorkloadRollout> Find(IEnumerable<ContainerVersion> resources, IEnumerable<Workload> workloads)
    {
        Dictionary<(string? Namespace, string Kind, string Name), Workload> known = [];
        foreach (var workload in workloads)
            known[(workload.Namespace, workload.Kind, workload.Name)] = workload;
        return resources.SelectMany(resource =>
            resource.Status?.Rollout is { } rollout
                ? rollout.Workloads.Select(entry => new WorkloadRollout(
                    resource,
                    rollout,
                    entry,
                    known.GetValueOrDefault((resource.Metadata.Namespace, entry.Kind, entry.Name))
                ))
                : []
        );
    }
}
