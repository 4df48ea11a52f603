using CvManager.Records;

namespace CvManager.PowerShell.Completion;

/// <summary>Offers ids of records of successful rollouts.</summary>
public sealed class RollbackRecordCompleter : RollbackCompleter
{
    private protected override CompletionCandidate ToCandidate(RolloutRecord record) =>
        new(record.Id, $"{record.ToVersion}, rolled out to {record.Kind}/{record.Name} at {record.Finished:u}");
}
