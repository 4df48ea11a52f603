using System.Text.Json.Nodes;

namespace CvManager.Simulation.Invariants;

/// <summary>The workloads of a held ContainerVersion are not changed, except for a pin.</summary>
internal sealed class HoldsAreRespected : Invariant
{
    public override int Number => 10;

    public override IEnumerable<string> Check(History history)
    {
        foreach (var change in history.ImageChanges())
        {
            foreach ((var resource, var rollout) in history.IntentsOf(change))
            {
                JsonObject[] states = [.. resource.Within(change.By.Time - history.Grace, change.By.Number).OfType<JsonObject>()];
                if (states.Length > 0 && states.All(s => Fields.IsTrue(s, "spec", "suspend")))
                    yield return $"{change} for {resource.Name}, which is suspended";
                var back = Fields.Text(rollout, "phase") == "RollingBack";
                if (
                    !back
                    && states.Length > 0
                    && states.All(s =>
                        Fields.Text(s, "spec", "pinVersion") is { Length: > 0 } pin
                        && history.Digests.GetValueOrDefault(pin) != history.DigestOf(change.To)
                    )
                )
                {
                    yield return $"{change} for {resource.Name}, which is pinned to {Fields.Text(states[^1], "spec", "pinVersion")}";
                }
            }
        }
    }
}
