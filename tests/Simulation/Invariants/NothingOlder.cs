using System.Text.Json.Nodes;

namespace CvManager.Simulation.Invariants;

/// <summary>Nothing older than the newest observation of the tag is rolled out, except by pin or rollback.</summary>
internal sealed class NothingOlder : Invariant
{
    public override int Number => 4;

    public override IEnumerable<string> Check(History history)
    {
        foreach (var change in history.ImageChanges())
        {
            var from = change.By.Time - history.Grace;
            foreach ((var resource, var rollout) in history.IntentsOf(change))
            {
                if (Fields.Text(rollout, "phase") == "RollingBack")
                    continue;
                JsonObject[] states = [.. resource.Within(from, change.By.Number).OfType<JsonObject>()];
                var allowed = states
                    .SelectMany(s => history.SeenWithin(Fields.Text(s, "spec", "tag"), from, change.By.Number))
                    .Concat(states.Select(s => history.Digests.GetValueOrDefault(Fields.Text(s, "spec", "pinVersion"), "")));
                if (!allowed.Contains(history.DigestOf(change.To)))
                    yield return $"{change} for {resource.Name}, whose tag was not seen to point at it";
            }
        }
    }
}
