using CvManager.Records;

namespace CvManager.PowerShell.Completion;

/// <summary>Offers versions that were rolled out successfully.</summary>
public sealed class RollbackVersionCompleter : RollbackCompleter
{
    private protected override CompletionCandidate ToCandidate(RolloutRecord record) =>
        new(record.ToVersion, $"rolled out to {record.Kind}/{record.Name} at {record.Finished:u}");
}
