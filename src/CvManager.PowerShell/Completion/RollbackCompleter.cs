using CvManager.Cluster;
using CvManager.Records;
using CvManager.Resources;
using Microsoft.Extensions.Logging.Abstractions;

namespace CvManager.PowerShell.Completion;

/// <summary>
/// The base class of completers that offer rollback targets: successful rollouts of the ContainerVersion on the command line.
/// </summary>
public abstract class RollbackCompleter : ClusterCompleter
{
    /// <summary>The newest first, as in the history.</summary>
    private protected sealed override bool IsOrdered => true;

    private protected sealed override async Task<IReadOnlyList<CompletionCandidate>> FindAsync(
        ClusterConnection cluster,
        CompletionRequest request,
        CancellationToken cancellationToken
    )
    {
        var ns = request.Text("Namespace") ?? cluster.DefaultNamespace;
        var history = await new RolloutHistory(cluster, new(TimeProvider.System, NullLogger.Instance)).ReadAsync(ns, cancellationToken);
        var names = new NamePatterns(request.Texts("Name"));
        return
        [
            .. history
                .Select(entry => entry.Record)
                .Where(record => record.Outcome == RolloutPhase.Succeeded && names.Matches(record.CV))
                .Select(ToCandidate)
                .DistinctBy(candidate => candidate.Value),
        ];
    }

    private protected abstract CompletionCandidate ToCandidate(RolloutRecord record);
}
