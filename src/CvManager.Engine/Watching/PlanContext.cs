using CvManager.Resources;
using CvManager.Workloads;

namespace CvManager.Watching;

/// <summary>What the plan of one resource depends on, besides the resource. Immutable.</summary>
/// <param name="Workloads">The workloads of its namespace with its cvapp label; may contain others.</param>
/// <param name="Neighbours">The ContainerVersions that could select the same workloads (R9); may contain the resource itself.</param>
/// <param name="FollowedTags">Every followed tag of its repository: none of them is a version (R1).</param>
public sealed record PlanContext(
    IReadOnlyList<Workload> Workloads,
    IReadOnlyList<ContainerVersion> Neighbours,
    IReadOnlyCollection<string> FollowedTags
)
{
    /// <summary>Why workloads of a kind may be missing from <see cref="Workloads"/>; null if none are.</summary>
    public CvException? WorkloadsError { get; init; }
}

/// <summary>The ContainerVersions and workloads of one namespace, or of all, at one time.</summary>
public sealed record NamespaceSnapshot(IReadOnlyList<ContainerVersion> Resources, IReadOnlyList<Workload> Workloads)
{
    /// <summary>The context for the plan of one of the resources.</summary>
    public PlanContext Around(ContainerVersion resource)
    {
        ArgumentNullException.ThrowIfNull(resource);
        return new PlanContext(
            Workloads,
            Resources,
            [
                .. Resources
                    .Where(r => r.Spec.ImageRepo == resource.Spec.ImageRepo)
                    .Select(r => r.Followed)
                    .OfType<FollowedTag>()
                    .Select(tag => tag.Name)
                    .Distinct(),
            ]
        );
    }
}
