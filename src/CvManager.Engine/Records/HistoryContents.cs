namespace CvManager.Records;

/// <summary>The records of one history ConfigMap.</summary>
/// <param name="Namespace">The namespace of the ConfigMap and of the workloads.</param>
/// <param name="Records">The records, newest first.</param>
/// <param name="IsFull">
/// Whether the ConfigMap has reached its limit (R8), so that older records may have been dropped. What it holds is complete since its oldest
/// record.
/// </param>
public sealed record HistoryContents(string Namespace, IReadOnlyList<RolloutRecord> Records, bool IsFull);
