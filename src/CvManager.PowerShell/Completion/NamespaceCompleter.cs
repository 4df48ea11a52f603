using CvManager.Cluster;

namespace CvManager.PowerShell.Completion;

/// <summary>Offers the namespaces of the cluster.</summary>
public sealed class NamespaceCompleter : ClusterCompleter
{
    private protected override async Task<IReadOnlyList<CompletionCandidate>> FindAsync(
        ClusterConnection cluster,
        CompletionRequest request,
        CancellationToken cancellationToken
    )
    {
        var namespaces = await cluster.ListAsync(new ResourcePath("", "v1", "namespaces"), null, null, cancellationToken);
        return [.. namespaces.Select(item => new CompletionCandidate($"{item["metadata"]?["name"]}"))];
    }
}
