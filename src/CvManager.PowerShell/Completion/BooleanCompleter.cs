namespace CvManager.PowerShell.Completion;

/// <summary>Offers $true and $false.</summary>
public sealed class BooleanCompleter : Completer
{
    private protected override bool IsOrdered => true;

    private protected override bool IsExpression => true;

    internal override Task<IReadOnlyList<CompletionCandidate>> FindAsync(CompletionRequest request, CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<CompletionCandidate>>([new("$true"), new("$false")]);
}
