using CvManager.Cluster;
using CvManager.Workloads;

namespace CvManager.PowerShell.Completion;

/// <summary>Names of the workloads that ContainerVersions follow, in the namespace that is meant.</summary>
public sealed class WorkloadCompleter : ClusterCompleter
{
    private protected override bool TakesWildcards => true;

    private protected override async Task<IReadOnlyList<CompletionCandidate>> FindAsync(
        ClusterConnection cluster, CompletionRequest request, CancellationToken cancellationToken)
    {
        var everywhere = request.Bound.Contains(nameof(NamespacedCmdlet.AllNamespaces));
        var ns = everywhere ? null : request.Text("Namespace") ?? cluster.DefaultNamespace;
        var resources = await new ContainerVersionStore(cluster).ListAsync(ns, request.Text("LabelSelector"), cancellationToken);
        var workloads = await new WorkloadStore(cluster).ListAsync(ns, cancellationToken);
        return
        [
            .. RunningVersion.Find(resources, workloads).DistinctBy(running => running.Workload.Name)
                .Select(running => new CompletionCandidate(running.Workload.Name, $"{running.Workload.Kind} on version {running.Version}, followed by {running.Resource.Metadata.Name}")),
        ];
    }
}
