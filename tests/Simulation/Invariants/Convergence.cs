using System.Text.Json.Nodes;
using CvManager.Resources;
using CvManager.Sandbox.Registry;

namespace CvManager.Simulation.Invariants;

/// <summary>Invariant 6: when the faults stop, it converges, and the status tells the truth. What is not so yet, at this moment.</summary>
internal sealed class Convergence(History history, SandboxRegistry registry)
{
    /// <summary>True where one waits for a Job that does not end: however long it takes (R4).</summary>
    public bool Waits => Resources().Any(IsWaiting);

    public IEnumerable<string> Problems() =>
        Resources().SelectMany(resource => Problems(resource).Select(p => $"{Fields.Text(resource, "metadata", "name")}: {p}"));

    private IEnumerable<JsonObject> Resources() => history.Resources.Values.Select(r => r.States[^1].Change.After).OfType<JsonObject>();

    private static bool IsWaiting(JsonObject resource) => !Names.IsFinal(Fields.Text(resource, "status", "rollout", "phase"))
        && (Fields.At(resource, "status", "rollout", "workloads") as JsonArray ?? []).Any(w => Fields.Text(w, "blockedBy") == ConditionReasons.JobActive);

    private IEnumerable<string> Problems(JsonObject resource)
    {
        if (Fields.Number(resource, "status", "observedGeneration") != Fields.Number(resource, "metadata", "generation"))
            yield return "its specification is not observed";
        string tagged = registry.Digest("app", Fields.Text(resource, "spec", "tag")) ?? "";
        if (Fields.Text(resource, "status", "latest", "digest") != tagged)
            yield return $"status.latest is not what the tag {Fields.Text(resource, "spec", "tag")} stands for";
        if (IsWaiting(resource))
            yield break;
        if (resource["status"]?["rollout"] is JsonObject rollout && !Names.IsFinal(Fields.Text(rollout, "phase")))
            yield return $"its rollout of {Fields.Text(rollout, "version")} is {Fields.Text(rollout, "phase")}";

        (string ready, string reason, string message) = Fields.Condition(resource, "Ready");
        (string stalled, string why, _) = Fields.Condition(resource, "Stalled");
        if (Fields.IsTrue(resource, "spec", "suspend"))
        {
            if (reason != "Suspended")
                yield return $"it is suspended, but its reason is {reason}";
            yield break;
        }

        string pin = Fields.Text(resource, "spec", "pinVersion");
        string wanted = pin.Length > 0 ? history.Digests[pin] : tagged;
        string[] others = [.. Workloads(resource).Where(w => history.DigestOf(w.Image) != wanted).Select(w => $"{w.Name} is on {w.Image}")];
        bool quarantined = (resource["status"]?["quarantined"] as JsonArray ?? []).Any(q => Fields.Text(q, "digest") == wanted);
        if (ready == "True")
        {
            if (others.Length > 0)
                yield return $"it is Ready ({message}), but {others[0]}";
        }
        else if (reason == "WorkloadsNotReady" && others.Length == 0)
        {
            // Every workload is set to the version, and some pod is not up: that is the truth, and no rollout would change it.
        }
        else if (stalled != "True")
        {
            yield return $"it is neither Ready nor Stalled ({reason}: {message})";
        }
        else if (why is "RolloutFailed" or "Quarantined" && !quarantined)
        {
            yield return $"it is Stalled ({why}), but nothing is quarantined";
        }
        else if (why is not ("RolloutFailed" or "Quarantined" or "Conflict" or "Contended" or "WorkloadNotFound"))
        {
            yield return $"it is Stalled: {why}";
        }
        else if (why == "Conflict" && history.Resources.Values.Count(r => r.States[^1].Change.After is not null) < 2)
        {
            yield return "it is Stalled by a conflict with nobody";
        }
    }

    /// <summary>The workloads that there are, and the image of the container.</summary>
    private Dictionary<string, (string Name, string Image)>.ValueCollection Workloads(JsonObject resource)
    {
        Dictionary<string, (string Name, string Image)> now = new(StringComparer.Ordinal);
        foreach (ObjectChanged change in history.Changes)
        {
            if (WorkloadShape.Of(change.Change.Resource) is not { } shape)
                continue;
            string name = $"{shape.Kind}/{change.Change.Name}";
            if (change.Change.After is not { } after)
                now.Remove(name);
            else if (Fields.Text(after, "metadata", "labels", "cvapp") == Fields.Text(resource, "spec", "selector", "cvapp"))
                now[name] = (name, shape.Images(after).GetValueOrDefault(Fields.Text(resource, "spec", "container", "name"), ""));
        }

        return now.Values;
    }
}
