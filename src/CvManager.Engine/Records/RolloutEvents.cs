using CvManager.Resources;
using CvManager.Workloads;

namespace CvManager.Records;

/// <summary>Derives the events of a status change. Pure.</summary>
internal static class RolloutEvents
{
    public static IReadOnlyList<ClusterEvent> Between(ContainerVersion before, ContainerVersion after, IReadOnlyList<Workload> workloads)
    {
        var subject = EventSubject.Of(after);
        List<ClusterEvent> events = [];
        var former = before.Status?.Rollout;
        if (after.Status?.Rollout is { } rollout)
        {
            var isNew = former?.Id != rollout.Id;
            if (isNew && !RolloutPhase.IsFinal(rollout.Phase))
                AddForAll("RolloutStarted", false, $"Rolling out version {rollout.Version}{RequestedBy(rollout)}");
            if ((isNew || former!.Phase != rollout.Phase) && Describe(rollout) is { } said)
                AddForAll(said.Reason, said.IsWarning, said.Message);

            void AddForAll(string reason, bool isWarning, string message)
            {
                events.Add(new ClusterEvent(subject, isWarning, reason, message));
                events.AddRange(
                    workloads
                        .Where(w => rollout.Workloads.Any(r => r.Kind == w.Kind && r.Name == w.Name))
                        .Select(w => new ClusterEvent(
                            EventSubject.Of(w),
                            isWarning,
                            reason,
                            $"ContainerVersion {after.Metadata.Name}: {message}"
                        ))
                );
            }
        }

        // The outcome of a rollout already has an event.
        if (
            ConditionList.Find(after.Status?.Conditions, ConditionTypes.Stalled) is { Status: "True" } stalled
            && stalled.Reason != ConditionReasons.RolloutFailed
            && ConditionList.Find(before.Status?.Conditions, ConditionTypes.Stalled) is var stalledBefore
            && (stalledBefore?.Status != "True" || stalledBefore.Reason != stalled.Reason || stalledBefore.Message != stalled.Message)
        )
        {
            events.Add(new ClusterEvent(subject, true, stalled.Reason, stalled.Message));
        }

        return events;
    }

    private static (string Reason, bool IsWarning, string Message)? Describe(RolloutStatus rollout) =>
        rollout.Phase switch
        {
            RolloutPhase.Succeeded => ("RolloutSucceeded", false, $"Version {rollout.Version} was rolled out{RequestedBy(rollout)}"),
            RolloutPhase.RollingBack => (
                "RollingBack",
                true,
                $"Version {rollout.Version} failed and is being rolled back: {rollout.Message}"
            ),
            RolloutPhase.RolledBack => ("RolledBack", true, $"Version {rollout.Version} failed and was rolled back: {rollout.Message}"),
            RolloutPhase.Failed => (ConditionReasons.RolloutFailed, true, $"Version {rollout.Version} failed: {rollout.Message}"),
            RolloutPhase.Superseded => (
                "RolloutSuperseded",
                false,
                $"The rollout of version {rollout.Version} was superseded: {rollout.Message}"
            ),
            _ => null,
        };

    private static string RequestedBy(RolloutStatus rollout) =>
        rollout.StartedBy is null ? ""
        : rollout.StartedFor is null ? $" (requested by {rollout.StartedBy})"
        : $" (requested by {rollout.StartedBy}: {rollout.StartedFor})";
}
