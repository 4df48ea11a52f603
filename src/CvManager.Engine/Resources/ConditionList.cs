namespace CvManager.Resources;

/// <summary>
/// The three conditions as kstatus reads them (sigs.k8s.io/cli-utils, pkg/kstatus): Reconciling=True is in progress, Stalled=True is
/// failed, Ready=True is current. Pure; lastTransitionTime changes only with the status.
/// </summary>
public static class ConditionList
{
    // Never empty: Kubernetes 1.20 reads an empty string in a custom resource as null and rejects it.
    private const string NotReconciling = "No rollout is in progress.";
    private const string NotStalled = "No action required.";

    public static IReadOnlyList<Condition> Ready(
        IReadOnlyList<Condition>? former,
        string reason,
        string message,
        long? generation,
        DateTimeOffset now
    ) => Of(former, ("True", reason, message), ("False", reason, NotReconciling), ("False", reason, NotStalled), generation, now);

    public static IReadOnlyList<Condition> Reconciling(
        IReadOnlyList<Condition>? former,
        string reason,
        string message,
        long? generation,
        DateTimeOffset now
    ) => Of(former, ("False", reason, message), ("True", reason, message), ("False", reason, NotStalled), generation, now);

    public static IReadOnlyList<Condition> Stalled(
        IReadOnlyList<Condition>? former,
        string reason,
        string message,
        long? generation,
        DateTimeOffset now
    ) => Of(former, ("False", reason, message), ("False", reason, NotReconciling), ("True", reason, message), generation, now);

    /// <summary>The state is temporarily unknown: Ready keeps its former status.</summary>
    public static IReadOnlyList<Condition> Stale(
        IReadOnlyList<Condition>? former,
        string reason,
        string message,
        long? generation,
        DateTimeOffset now
    )
    {
        var ready = Find(former, ConditionTypes.Ready)?.Status ?? "Unknown";
        return Of(
            former,
            (ready, reason, message),
            (ready == "True" ? "False" : "True", reason, message),
            ("False", reason, NotStalled),
            generation,
            now
        );
    }

    public static Condition? Find(IReadOnlyList<Condition>? conditions, string type) => conditions?.FirstOrDefault(c => c.Type == type);

    /// <summary>
    /// The condition that says what the resource does or waits for: while Stalled or Reconciling is true, its reason is more specific than
    /// that of Ready. Null without conditions.
    /// </summary>
    public static Condition? Deciding(IReadOnlyList<Condition>? conditions) =>
        conditions?.FirstOrDefault(c => c.Type is ConditionTypes.Stalled or ConditionTypes.Reconciling && c.Status == "True")
        ?? Find(conditions, ConditionTypes.Ready);

    private static List<Condition> Of(
        IReadOnlyList<Condition>? former,
        (string Status, string Reason, string Message) ready,
        (string Status, string Reason, string Message) reconciling,
        (string Status, string Reason, string Message) stalled,
        long? generation,
        DateTimeOffset now
    )
    {
        return [One(ConditionTypes.Ready, ready), One(ConditionTypes.Reconciling, reconciling), One(ConditionTypes.Stalled, stalled)];

        Condition One(string type, (string Status, string Reason, string Message) value) =>
            new()
            {
                Type = type,
                Status = value.Status,
                Reason = value.Reason,
                // metav1.Condition allows 32768 characters; people read the first lines.
                Message = value.Message.Length <= 1024 ? value.Message : string.Concat(value.Message.AsSpan(0, 1023), "…"),
                ObservedGeneration = generation,
                LastTransitionTime = Find(former, type) is { } before && before.Status == value.Status ? before.LastTransitionTime : now,
            };
    }
}
