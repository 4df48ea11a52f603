using CvManager.Resources;
using CvManager.Workloads;

namespace CvManager.Watching;

/// <summary>The ContainerVersions and workloads of the cluster at one moment, as the watches reported them. Immutable; thread-safe.</summary>
public sealed class ClusterSnapshot(IReadOnlyList<ContainerVersion> resources, IReadOnlyList<Workload> workloads)
{
    private readonly Lazy<IReadOnlyList<RunningVersion>> _running = new(() => RunningVersion.Find(resources, workloads));

    /// <summary>In no particular order.</summary>
    public IReadOnlyList<ContainerVersion> Resources => resources;

    /// <summary>Those with the label key that ContainerVersions select by, in no particular order.</summary>
    public IReadOnlyList<Workload> Workloads => workloads;

    /// <summary>What runs where, sorted.</summary>
    public IReadOnlyList<RunningVersion> Running => _running.Value;
}
