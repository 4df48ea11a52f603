using CvManager.Cluster;

namespace CvManager.PowerShell.Completion;

/// <summary>Names of the kubeconfig's contexts.</summary>
public sealed class ContextCompleter : Completer
{
    internal override Task<IReadOnlyList<CompletionCandidate>> FindAsync(CompletionRequest request, CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<CompletionCandidate>>(
        [
            .. KubeConfigFile.ReadContexts(request.Text("KubeConfig"))
                .Select(context => new CompletionCandidate(context.Name, $"{context.Server} ({context.Namespace})")),
        ]);
}
