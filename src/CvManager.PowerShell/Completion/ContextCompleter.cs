using CvManager.Cluster;

namespace CvManager.PowerShell.Completion;

/// <summary>Offers names of contexts in the kubeconfig.</summary>
public sealed class ContextCompleter : Completer
{
    internal override Task<IReadOnlyList<CompletionCandidate>> FindAsync(CompletionRequest request, CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<CompletionCandidate>>([
            .. KubeConfigFile
                .ReadContexts(request.Text("KubeConfig"))
                .Select(context => new CompletionCandidate(context.Name, $"{context.Server} ({context.Namespace})")),
        ]);
}
