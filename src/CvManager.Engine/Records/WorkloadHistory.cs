namespace CvManager.Records;

/// <summary>The contents of one history ConfigMap. Immutable.</summary>
/// <param name="Info">The text, in the format of the original program.</param>
/// <param name="Records">Newest first; empty if they cannot be parsed.</param>
public sealed record WorkloadHistory(string Info, IReadOnlyList<RolloutRecord> Records)
{
    /// <summary>The part of a history of several workloads that is about one of them.</summary>
    public WorkloadHistory Of(string workload)
    {
        var records = Records.Where(record => record.Name == workload).ToList();
        return new(string.Concat(records.Select(HistoryDocument.Text)), records);
    }
}
