using CvManager.Cluster;
using CvManager.Workloads;

namespace CvManager.PowerShell.Completion;

/// <summary>Offers names of workloads that ContainerVersions select.</summary>
public sealed class WorkloadCompleter : ClusterCompleter
{
    private protected override bool TakesWildcards => true;

    private protected override async Task<IReadOnlyList<CompletionCandidate>> FindAsync(
        ClusterConnection cluster,
        CompletionRequest request,
        CancellationToken cancellationToken
    )
    {
        var ns = request.NamespaceIn(cluster);
        var resources = await new ContainerVersionStore(cluster).ListAsync(ns, request.Text("LabelSelector"), cancellationToken);
        var workloads = await new WorkloadStore(cluster).ListAsync(ns, cancellationToken);
        return
        [
            .. RunningVersion
                .Find(resources, workloads)
                .DistinctBy(running => running.Workload.Name)
                .Select(running => new CompletionCandidate(
                    running.Workload.Name,
                    $"{running.Workload.Kind} on version {running.Version}, followed by {running.Resource.Metadata.Name}"
                )),
        ];
    }
}
