using CvManager.Records;

namespace CvManager.PowerShell.Completion;

/// <summary>Versions that were rolled out with success.</summary>
public sealed class RollbackVersionCompleter : RollbackCompleter
{
    private protected override CompletionCandidate Offer(RolloutRecord record) =>
        new(record.ToVersion, $"rolled out to {record.Kind}/{record.Name} at {record.Finished:u}");
}
