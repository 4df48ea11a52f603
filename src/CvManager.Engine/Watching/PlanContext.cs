using CvManager.Resources;
using CvManager.Workloads;

namespace CvManager.Watching;

/// <summary>What has a part in the plan of one resource, beside itself. Immutable.</summary>
/// <param name="Workloads">Those of its namespace that carry its label cvapp; there may be more.</param>
/// <param name="Neighbours">The ContainerVersions that could select the same workloads (R9), itself among them or not.</param>
/// <param name="FollowedTags">Every tag of its repository that is followed: none of them is a version (R1).</param>
public sealed record PlanContext(IReadOnlyList<Workload> Workloads, IReadOnlyList<ContainerVersion> Neighbours, IReadOnlyCollection<string> FollowedTags)
{
    /// <summary>Why workloads of one kind may be missing among those; null where none are.</summary>
    public CvException? Unseen { get; init; }
}

/// <summary>The ContainerVersions and workloads of one namespace, or of all, at one time.</summary>
public sealed record NamespaceSnapshot(IReadOnlyList<ContainerVersion> Resources, IReadOnlyList<Workload> Workloads)
{
    /// <summary>What one of the resources is planned from.</summary>
    public PlanContext Around(ContainerVersion resource)
    {
        ArgumentNullException.ThrowIfNull(resource);
        return new PlanContext(Workloads, Resources, Resources.Where(r => r.Spec.ImageRepo == resource.Spec.ImageRepo).Select(r => r.Spec.Follows).Distinct().ToList());
    }
}
