namespace CvManager.PowerShell.Completion;

/// <summary>Offers usual durations, as examples of how to write them.</summary>
public sealed class DurationCompleter : Completer
{
    private protected override bool IsOrdered => true;

    internal override Task<IReadOnlyList<CompletionCandidate>> FindAsync(CompletionRequest request, CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<CompletionCandidate>>([
            new("30s", "30 seconds"),
            new("1m", "1 minute"),
            new("5m", "5 minutes"),
            new("15m", "15 minutes"),
            new("1h", "1 hour"),
            new("1h30m", "1 hour and 30 minutes"),
        ]);
}
