using System.Text.Json.Nodes;

namespace CvManager.Simulation.Invariants;

/// <summary>No workload gets a version whose gates have not passed for that digest.</summary>
internal sealed class GatesComeFirst : Invariant
{
    public override int Number => 1;

    public override IEnumerable<string> Check(History history)
    {
        foreach (var change in history.ImageChanges())
        {
            foreach ((var resource, var rollout) in history.IntentsOf(change))
            {
                if (Fields.Text(rollout, "phase") == "RollingBack")
                    continue;
                var gates = resource
                    .Within(change.By.Time - history.Grace, change.By.Number)
                    .OfType<JsonObject>()
                    .Select(s => (Fields.At(s, "spec", "container", "verify") as JsonArray)?.Count ?? 0)
                    .DefaultIfEmpty(0)
                    .Min();
                var passed = history
                    .Changes.TakeWhile(c => c.Number < change.By.Number)
                    .Where(c =>
                        c.Change is { Resource: "pods", After: { } pod }
                        && Fields.Text(pod, "metadata", "labels", Names.RolloutLabel) == Fields.Text(rollout, "id")
                        && Fields.Text(pod, "status", "phase") == "Succeeded"
                        && history.DigestOf(Image(pod)) == history.DigestOf(change.To)
                    )
                    .Select(c => c.Change.Name)
                    .Distinct()
                    .Count();
                if (passed < gates)
                    yield return $"{change} for {resource.Name}, but only {passed} of its {gates} gates passed";
            }
        }
    }

    /// <summary>The image that a gate's pod verifies.</summary>
    private static string Image(JsonObject pod) =>
        (Fields.At(pod, "spec", "containers") as JsonArray ?? [])
            .SelectMany(c => c!["env"] as JsonArray ?? [])
            .Where(v => Fields.Text(v, "name") == "CV_IMAGE")
            .Select(v => Fields.Text(v, "value"))
            .FirstOrDefault("");
}
