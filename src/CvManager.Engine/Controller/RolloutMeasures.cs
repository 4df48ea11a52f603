using CvManager.Records;
using CvManager.Resources;

namespace CvManager.Controller;

/// <summary>
/// Measures finished rollouts by their records. The status that no longer contains a record as unwritten is written by compare-and-swap, so
/// each record is measured once.
/// </summary>
internal static class RolloutMeasures
{
    /// <param name="before">The resource before the step.</param>
    /// <param name="after">The resource as written.</param>
    /// <param name="finished">The rollout that ended with the step; null for none.</param>
    public static void Report(EngineMetrics metrics, ContainerVersion before, ContainerVersion after, RolloutStatus? finished)
    {
        HashSet<string> unwritten = [.. (after.Status?.Unrecorded ?? []).Select(rollout => rollout.Id)];
        foreach (var rollout in Unwritten(before).Concat(finished is null ? [] : [finished]).Where(one => !unwritten.Contains(one.Id)))
            Report(metrics, after, rollout);
    }

    /// <summary>The final records of a deleted resource have been written.</summary>
    public static void ReportDeleted(EngineMetrics metrics, ContainerVersion deleted, DateTimeOffset now)
    {
        foreach (var rollout in Unwritten(deleted))
            Report(metrics, deleted, rollout);
        if (deleted.Status?.Rollout is { } last && !RolloutPhase.IsFinal(last.Phase))
            Report(metrics, deleted, last with { Phase = RolloutPhase.Abandoned, FinishedAt = now });
        metrics.Forget(deleted.Key);
    }

    private static IReadOnlyList<RolloutStatus> Unwritten(ContainerVersion resource) => resource.Status?.Unrecorded ?? [];

    private static void Report(EngineMetrics metrics, ContainerVersion resource, RolloutStatus rollout)
    {
        foreach (var record in RolloutRecord.Of(resource, rollout))
            metrics.RolloutEnded(record.Outcome, record.Finished - record.Started);
        var finished = rollout.FinishedAt ?? rollout.StartedAt;
        switch (rollout.Phase)
        {
            case RolloutPhase.Succeeded:
                if (rollout.StartedBy is null && resource.Status?.Latest is { } latest && latest.Digest == rollout.Digest)
                    metrics.TagRolledOut(finished - latest.SeenAt);
                metrics.OutageEnded(resource.Key, finished);
                break;
            case RolloutPhase.RolledBack:
                metrics.OutageBegan(resource.Key, rollout.StartedAt);
                metrics.OutageEnded(resource.Key, finished);
                break;
            case RolloutPhase.Failed:
                metrics.OutageBegan(resource.Key, rollout.StartedAt);
                break;
        }
    }
}
