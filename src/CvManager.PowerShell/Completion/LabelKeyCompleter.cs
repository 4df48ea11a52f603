using CvManager.Cluster;

namespace CvManager.PowerShell.Completion;

/// <summary>Offers the keys of the labels of ContainerVersions.</summary>
public sealed class LabelKeyCompleter : ClusterCompleter
{
    private protected override async Task<IReadOnlyList<CompletionCandidate>> FindAsync(
        ClusterConnection cluster,
        CompletionRequest request,
        CancellationToken cancellationToken
    )
    {
        var resources = await new ContainerVersionStore(cluster).ListAsync(request.NamespaceIn(cluster), null, cancellationToken);
        return
        [
            .. resources
                .SelectMany(resource => resource.Metadata.Labels ?? new Dictionary<string, string>())
                .GroupBy(label => label.Key, label => label.Value, StringComparer.Ordinal)
                .OrderBy(label => label.Key, StringComparer.Ordinal)
                .Select(label => new CompletionCandidate(
                    label.Key,
                    string.Join(", ", label.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal))
                )),
        ];
    }
}
