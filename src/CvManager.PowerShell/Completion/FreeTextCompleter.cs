namespace CvManager.PowerShell.Completion;

/// <summary>
/// Offers nothing, for a parameter whose values nobody knows in advance. Without a completer, PowerShell would offer names of files.
/// </summary>
public sealed class FreeTextCompleter : Completer
{
    internal override Task<IReadOnlyList<CompletionCandidate>> FindAsync(CompletionRequest request, CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<CompletionCandidate>>([]);
}
