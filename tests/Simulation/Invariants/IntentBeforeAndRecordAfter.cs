using System.Text.Json.Nodes;

namespace CvManager.Simulation.Invariants;

/// <summary>Every image change of a controller has its intent in the status before it, and a record after it.</summary>
internal sealed class IntentBeforeAndRecordAfter : Invariant
{
    public override int Number => 3;

    public override IEnumerable<string> Check(History history)
    {
        foreach (ImageChange change in history.ImageChanges())
        {
            if (!history.IntentsOf(change).Any())
                yield return $"{change} without an intent in a status";
        }

        foreach (Timeline resource in history.Resources.Values)
        {
            string open = "";
            foreach (string unrecorded in Unrecorded(history, resource))
                yield return unrecorded;
            foreach (ObjectChanged state in resource.States)
            {
                if (state.Change.After?["status"]?["rollout"] is not JsonObject rollout)
                    continue;
                string id = Fields.Text(rollout, "id") + " of version " + Fields.Text(rollout, "version");
                if (open.Length > 0 && id != open)
                    yield return $"{state}: rollout {open} was replaced by {id} without an outcome";
                open = Names.IsFinal(Fields.Text(rollout, "phase")) ? "" : id;
            }
        }
    }

    /// <summary>The finished rollouts whose record is neither in a history nor in the status.</summary>
    private static IEnumerable<string> Unrecorded(History history, Timeline resource)
    {
        string last = "";
        foreach (ObjectChanged state in resource.States)
        {
            JsonNode? status = state.Change.After?["status"];
            string id = Fields.Text(status, "rollout", "id");
            if (id == last || !Names.IsFinal(Fields.Text(status, "rollout", "phase")) || Fields.At(status, "rollout", "workloads") is not JsonArray { Count: > 0 })
                continue;
            last = id;
            bool waits = (status!["unrecorded"] as JsonArray ?? []).Any(r => Fields.Text(r, "id") == id);
            bool written = history.Changes.TakeWhile(c => c.Number < state.Number).Any(c => c.Change.Resource == "configmaps"
                && c.Change.Name.EndsWith(".history", StringComparison.Ordinal) && Fields.Text(c.Change.After, "data", "records").Contains(id, StringComparison.Ordinal));
            if (!waits && !written)
                yield return $"{state}: rollout {id} finished without a record";
        }
    }
}
