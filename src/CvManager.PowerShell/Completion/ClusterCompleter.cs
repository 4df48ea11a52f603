using CvManager.Cluster;

namespace CvManager.PowerShell.Completion;

/// <summary>The base class of completers that read a cluster: the one on the command line, or the default one of the session.</summary>
public abstract class ClusterCompleter : Completer
{
    internal sealed override Task<IReadOnlyList<CompletionCandidate>> FindAsync(
        CompletionRequest request,
        CancellationToken cancellationToken
    ) => request.WithClusterAsync(cluster => FindAsync(cluster, request, cancellationToken));

    private protected abstract Task<IReadOnlyList<CompletionCandidate>> FindAsync(
        ClusterConnection cluster,
        CompletionRequest request,
        CancellationToken cancellationToken
    );
}
