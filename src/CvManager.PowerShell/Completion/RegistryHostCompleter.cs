namespace CvManager.PowerShell.Completion;

/// <summary>Offers the registries that the session has used.</summary>
public sealed class RegistryHostCompleter : Completer
{
    private protected override bool TakesWildcards => true;

    internal override Task<IReadOnlyList<CompletionCandidate>> FindAsync(CompletionRequest request, CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<CompletionCandidate>>([
            .. SessionRegistries
                .Of(request.Session)
                .Budgets.Select(budget => budget.Registry)
                .Distinct()
                .Select(registry => new CompletionCandidate(registry)),
        ]);
}
