using System.Text.Json.Nodes;

namespace CvManager.Simulation.Invariants;

/// <summary>A quarantined digest is not rolled out until the tag moves.</summary>
internal sealed class QuarantineHolds : Invariant
{
    public override int Number => 5;

    public override IEnumerable<string> Check(History history)
    {
        ImageChange[] changes = [.. history.ImageChanges()];
        foreach (var resource in history.Resources.Values)
        {
            HashSet<string> quarantined = new(StringComparer.Ordinal);
            Dictionary<int, string[]> inForce = [];
            var tag = "";
            foreach (var state in resource.States)
            {
                if (state.Change.After is not { } after)
                    continue;
                // A quarantine ends only when the tag is seen to point at something else, not when the list in the status is lost.
                var seen = Fields.Text(after, "status", "latest", "tag") + Fields.Text(after, "status", "latest", "digest");
                if (seen != tag)
                    quarantined.Clear();
                tag = seen;
                foreach (var entry in after["status"]?["quarantined"] as JsonArray ?? [])
                    quarantined.Add(Fields.Text(entry, "digest"));
                inForce[state.Number] = [.. quarantined];
            }

            foreach (var change in changes)
            {
                var last = inForce.Keys.Where(n => n < change.By.Number).DefaultIfEmpty(-1).Max();
                var ours = history.IntentsOf(change).Any(i => i.Resource == resource && Fields.Text(i.Rollout, "phase") != "RollingBack");
                if (ours && last >= 0 && inForce[last].Contains(history.DigestOf(change.To)))
                    yield return $"{change} for {resource.Name}, in which it is quarantined";
            }
        }
    }
}
