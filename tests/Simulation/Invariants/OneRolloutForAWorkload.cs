using System.Text.Json.Nodes;

namespace CvManager.Simulation.Invariants;

/// <summary>At most one rollout is in progress for a workload, across restarts and leaders.</summary>
internal sealed class OneRolloutForAWorkload : Invariant
{
    public override int Number => 2;

    public override IEnumerable<string> Check(History history)
    {
        Dictionary<string, JsonObject> states = new(StringComparer.Ordinal);
        foreach (var change in history.Changes.Where(c => c.Change.Resource == Names.Resources))
        {
            if (change.Change.After is not { } after)
            {
                states.Remove(change.Change.Name);
                continue;
            }

            states[change.Change.Name] = after;
            var twice = states.Values.SelectMany(WorkloadsInProgress).GroupBy(workload => workload).FirstOrDefault(g => g.Count() > 1);
            if (change.IsOurs && twice is not null)
                yield return $"{change}: {twice.Key} is in two rollouts at once";
        }
    }

    private static IEnumerable<string> WorkloadsInProgress(JsonObject resource)
    {
        if (resource["status"]?["rollout"] is not JsonObject rollout || Names.IsFinal(Fields.Text(rollout, "phase")))
            return [];
        // A superseded workload no longer belongs to the rollout.
        return (rollout["workloads"] as JsonArray ?? [])
            .Where(w => !Names.IsFinal(Fields.Text(w, "phase")))
            .Select(w =>
                $"{Fields.Text(w, "kind")}/{Fields.Text(w, "name")} container {Fields.Text(resource, "spec", "container", "name")}"
            );
    }
}
