using CvManager.Cluster;
using CvManager.Workloads;
using Resource = CvManager.Resources.ContainerVersion;

namespace CvManager.PowerShell.Completion;

/// <summary>
/// Offers the containers of workloads: of those that the ContainerVersion on the command line selects or would select by default, else of all
/// that have the label cvapp.
/// </summary>
public sealed class ContainerCompleter : ClusterCompleter
{
    private protected override async Task<IReadOnlyList<CompletionCandidate>> FindAsync(
        ClusterConnection cluster,
        CompletionRequest request,
        CancellationToken cancellationToken
    )
    {
        var workloads = await new WorkloadStore(cluster).ListAsync(request.NamespaceIn(cluster), cancellationToken);
        if (request.Texts("Name") is { Length: > 0 } names)
        {
            var resources = await request.FindAsync(cluster, cancellationToken);
            var selected = workloads
                .Where(workload =>
                    resources.Any(resource => workload.IsSelectedBy(resource.Spec.Selector))
                    || names.Contains(workload.Labels.GetValueOrDefault(Resource.SelectorKey))
                )
                .ToList();
            if (selected.Count > 0)
                workloads = selected;
        }

        return
        [
            .. workloads
                .SelectMany(workload =>
                    workload.Containers.Select(container => new CompletionCandidate(
                        container.Name,
                        $"{workload.Reference}: {container.Image}"
                    ))
                )
                .DistinctBy(candidate => candidate.Value),
        ];
    }
}
