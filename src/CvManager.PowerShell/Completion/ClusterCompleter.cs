using CvManager.Cluster;

namespace CvManager.PowerShell.Completion;

/// <summary>Offers what a cluster has: the one that the command line names so far, or the session's.</summary>
public abstract class ClusterCompleter : Completer
{
    internal sealed override async Task<IReadOnlyList<CompletionCandidate>> FindAsync(CompletionRequest request, CancellationToken cancellationToken)
    {
        var (kubeConfig, context) = (request.Text("KubeConfig"), request.Text("Context"));
        if (kubeConfig is null && context is null && SessionConnection.Of(request.Session) is { } connected)
            return await FindAsync(connected.Cluster, request, cancellationToken);
        using var cluster = ClusterConnection.Connect(SessionConnection.Options(request.Session, kubeConfig, context));
        return await FindAsync(cluster, request, cancellationToken);
    }

    private protected abstract Task<IReadOnlyList<CompletionCandidate>> FindAsync(
        ClusterConnection cluster, CompletionRequest request, CancellationToken cancellationToken);
}
