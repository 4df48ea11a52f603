using CvManager.Records;

namespace CvManager.PowerShell.Completion;

/// <summary>Ids of records of rollouts that were a success.</summary>
public sealed class RollbackRecordCompleter : RollbackCompleter
{
    private protected override CompletionCandidate Offer(RolloutRecord record) =>
        new(record.Id, $"{record.ToVersion}, rolled out to {record.Kind}/{record.Name} at {record.Finished:u}");
}
