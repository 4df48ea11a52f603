using CvManager.Cluster;

namespace CvManager.PowerShell.Completion;

/// <summary>The base class of completers that read a cluster: the one on the command line, or the default one of the session.</summary>
public abstract class ClusterCompleter : Completer
{
    internal sealed override async Task<IReadOnlyList<CompletionCandidate>> FindAsync(
        CompletionRequest request,
        CancellationToken cancellationToken
    )
    {
        var (kubeConfig, context) = (request.KubeConfig, request.Text("Context"));
        if (kubeConfig is null && context is null && SessionConnection.Of(request.Session) is { } connected)
            return await FindAsync(connected.Cluster, request, cancellationToken);
        using var cluster = ClusterConnection.Connect(KubeContexts.Find(request.Session, kubeConfig, context));
        return await FindAsync(cluster, request, cancellationToken);
    }

    private protected abstract Task<IReadOnlyList<CompletionCandidate>> FindAsync(
        ClusterConnection cluster,
        CompletionRequest request,
        CancellationToken cancellationToken
    );
}
