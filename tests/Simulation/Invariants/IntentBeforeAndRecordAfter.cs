using System.Text.Json.Nodes;

namespace CvManager.Simulation.Invariants;

/// <summary>Every image change of a controller has its intent in the status before it, and a record after it.</summary>
internal sealed class IntentBeforeAndRecordAfter : Invariant
{
    public override int Number => 3;

    public override IEnumerable<string> Check(History history)
    {
        foreach (var change in history.ImageChanges())
        {
            if (!history.IntentsOf(change).Any())
                yield return $"{change} without an intent in a status";
        }

        foreach (var resource in history.Resources.Values)
        {
            var open = "";
            foreach (var unrecorded in Unrecorded(history, resource))
                yield return unrecorded;
            foreach (var state in resource.States)
            {
                if (state.Change.After?["status"]?["rollout"] is not JsonObject rollout)
                    continue;
                var id = Fields.Text(rollout, "id") + " of version " + Fields.Text(rollout, "version");
                if (open.Length > 0 && id != open)
                    yield return $"{state}: rollout {open} was replaced by {id} without an outcome";
                open = Names.IsFinal(Fields.Text(rollout, "phase")) ? "" : id;
            }
        }
    }

    /// <summary>The finished rollouts whose record is neither in a history nor in the status.</summary>
    private static IEnumerable<string> Unrecorded(History history, Timeline resource)
    {
        var last = "";
        foreach (var state in resource.States)
        {
            var status = state.Change.After?["status"];
            var id = Fields.Text(status, "rollout", "id");
            if (
                id == last
                || !Names.IsFinal(Fields.Text(status, "rollout", "phase"))
                || Fields.At(status, "rollout", "workloads") is not JsonArray { Count: > 0 }
            )
                continue;
            last = id;
            var waits = (status!["unrecorded"] as JsonArray ?? []).Any(r => Fields.Text(r, "id") == id);
            var written = history
                .Changes.TakeWhile(c => c.Number < state.Number)
                .Any(c =>
                    c.Change.Resource == "configmaps"
                    && c.Change.Name.EndsWith(".history", StringComparison.Ordinal)
                    && Fields.Text(c.Change.After, "data", "records").Contains(id, StringComparison.Ordinal)
                );
            if (!waits && !written)
                yield return $"{state}: rollout {id} finished without a record";
        }
    }
}
