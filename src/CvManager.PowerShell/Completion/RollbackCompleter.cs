using CvManager.Cluster;
using CvManager.Records;
using CvManager.Resources;
using Microsoft.Extensions.Logging.Abstractions;

namespace CvManager.PowerShell.Completion;

/// <summary>Offers what can be gone back to: rollouts of the history that were a success, of the ContainerVersion on the command line.</summary>
public abstract class RollbackCompleter : ClusterCompleter
{
    private protected sealed override async Task<IReadOnlyList<CompletionCandidate>> FindAsync(
        ClusterConnection cluster, CompletionRequest request, CancellationToken cancellationToken)
    {
        var history = await new RolloutHistory(cluster, TimeProvider.System, NullLogger.Instance).ReadAsync(request.Text("Namespace") ?? cluster.DefaultNamespace, cancellationToken);
        var names = new NamePatterns(request.Text("Name") is { } name ? [name] : []);
        return
        [
            .. history.Select(one => one.Record).Where(record => record.Outcome == RolloutPhase.Succeeded && names.Matches(record.CV)).Select(Offer)
                .DistinctBy(candidate => candidate.Value),
        ];
    }

    private protected abstract CompletionCandidate Offer(RolloutRecord record);
}
