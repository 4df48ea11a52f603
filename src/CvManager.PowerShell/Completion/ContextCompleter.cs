namespace CvManager.PowerShell.Completion;

/// <summary>Offers the contexts that Get-CvContext lists.</summary>
public sealed class ContextCompleter : Completer
{
    internal override Task<IReadOnlyList<CompletionCandidate>> FindAsync(CompletionRequest request, CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<CompletionCandidate>>([
            .. KubeContexts
                .Read(KubeContexts.Sources(request.Session, request.KubeConfig))
                .SelectMany(source => source.Contexts)
                .DistinctBy(context => context.Name)
                .Select(context => new CompletionCandidate(context.Name, $"{context.Server} ({context.Namespace})")),
        ]);
}
