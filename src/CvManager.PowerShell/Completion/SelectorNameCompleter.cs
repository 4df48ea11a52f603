using CvManager.Cluster;
using CvManager.Workloads;
using Resource = CvManager.Resources.ContainerVersion;

namespace CvManager.PowerShell.Completion;

/// <summary>
/// Offers names for a new ContainerVersion: the values of the label cvapp of workloads, because its default selector is cvapp=name.
/// </summary>
public sealed class SelectorNameCompleter : ClusterCompleter
{
    private protected override async Task<IReadOnlyList<CompletionCandidate>> FindAsync(
        ClusterConnection cluster,
        CompletionRequest request,
        CancellationToken cancellationToken
    )
    {
        var workloads = await new WorkloadStore(cluster).ListAsync(request.NamespaceIn(cluster), cancellationToken);
        return
        [
            .. workloads
                .GroupBy(workload => workload.Labels.GetValueOrDefault(Resource.SelectorKey, ""), workload => workload.Reference)
                .Select(label => new CompletionCandidate(label.Key, $"selects {string.Join(", ", label)}")),
        ];
    }
}
