using System.Text.Json.Nodes;

namespace CvManager.Simulation.Invariants;

/// <summary>Every image change of ours has intent in the status before it, and an outcome after it.</summary>
internal sealed class IntentBeforeAndOutcomeAfter : Invariant
{
    public override int Number => 3;

    public override IEnumerable<string> Check(History history)
    {
        foreach (ImageChange change in history.ImageChanges())
        {
            if (!history.IntentsOf(change).Any())
                yield return $"{change} without intent in a status";
        }

        foreach (Timeline resource in history.Resources.Values)
        {
            string open = "";
            foreach (ObjectChanged state in resource.States)
            {
                if (state.Change.After?["status"]?["rollout"] is not JsonObject rollout)
                    continue;
                string id = Fields.Text(rollout, "id") + " of version " + Fields.Text(rollout, "version");
                if (open.Length > 0 && id != open)
                    yield return $"{state}: rollout {open} gave way to {id} without an outcome";
                open = Names.IsFinal(Fields.Text(rollout, "phase")) ? "" : id;
            }
        }
    }
}
