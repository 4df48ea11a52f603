using CvManager.Cluster;

namespace CvManager.PowerShell.Completion;

/// <summary>Offers names of ContainerVersions.</summary>
public sealed class ContainerVersionCompleter : ClusterCompleter
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
        return
        [
            .. resources
                .DistinctBy(resource => resource.Metadata.Name)
                .Select(resource => new CompletionCandidate(resource.Metadata.Name, $"{resource.Spec.ImageRepo}:{resource.Followed}")),
        ];
    }
}
