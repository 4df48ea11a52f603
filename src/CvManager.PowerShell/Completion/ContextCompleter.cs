using CvManager.Cluster;

namespace CvManager.PowerShell.Completion;

/// <summary>Offers the contexts that Get-CvContext lists.</summary>
public sealed class ContextCompleter : Completer
{
    internal override Task<IReadOnlyList<CompletionCandidate>> FindAsync(CompletionRequest request, CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<CompletionCandidate>>([
            .. KubeContexts
                .Sources(request.Session, request.KubeConfig)
                .SelectMany(Read)
                .DistinctBy(context => context.Name)
                .Select(context => new CompletionCandidate(context.Name, $"{context.Server} ({context.Namespace})")),
        ]);

    /// <summary>A kubeconfig that cannot be read does not hide the contexts of the others.</summary>
    private static IReadOnlyList<KubeContext> Read(string? source)
    {
        try
        {
            return KubeConfigFile.ReadContexts(source);
        }
        catch (CvException)
        {
            return [];
        }
    }
}
