using CvManager.Cluster;
using CvManager.Records;
using Microsoft.Extensions.Logging.Abstractions;

namespace CvManager.PowerShell.Completion;

/// <summary>Offers the versions in the history, the newest first.</summary>
public sealed class HistoryVersionCompleter : ClusterCompleter
{
    private protected override bool TakesWildcards => true;

    private protected override bool IsOrdered => true;

    private protected override async Task<IReadOnlyList<CompletionCandidate>> FindAsync(
        ClusterConnection cluster,
        CompletionRequest request,
        CancellationToken cancellationToken
    )
    {
        NamePatterns names = new(request.Texts("Name"));
        NamePatterns workloads = new(request.Texts("Workload"));
        var history = await new RolloutHistory(cluster, new(TimeProvider.System, NullLogger.Instance)).ReadAsync(
            request.NamespaceIn(cluster),
            cancellationToken
        );
        return
        [
            .. history
                .Select(entry => entry.Record)
                .Where(record => names.Matches(record.CV) && workloads.Matches(record.Name))
                .DistinctBy(record => record.ToVersion)
                .Select(record => new CompletionCandidate(
                    record.ToVersion,
                    $"{record.Outcome}, {record.Kind}/{record.Name} at {record.Finished:u}"
                )),
        ];
    }
}
