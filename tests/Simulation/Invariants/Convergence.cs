using System.Text.Json.Nodes;
using CvManager.Resources;
using CvManager.Sandbox.Registry;

namespace CvManager.Simulation.Invariants;

/// <summary>
/// Invariant 6: after the faults stop, the controllers converge, and the status is correct. Lists the current violations.
/// </summary>
internal sealed class Convergence(History history, SandboxRegistry registry)
{
    /// <summary>True if a resource waits for an active Job, which may take any time (R4).</summary>
    public bool Waits => Resources().Any(IsWaiting);

    public IEnumerable<string> Problems() =>
        Resources().SelectMany(resource => Problems(resource).Select(p => $"{Fields.Text(resource, "metadata", "name")}: {p}"));

    private IEnumerable<JsonObject> Resources() => history.Resources.Values.Select(r => r.States[^1].Change.After).OfType<JsonObject>();

    private static bool IsWaiting(JsonObject resource) =>
        !Names.IsFinal(Fields.Text(resource, "status", "rollout", "phase"))
        && (Fields.At(resource, "status", "rollout", "workloads") as JsonArray ?? []).Any(w =>
            Fields.Text(w, "blockedBy") == ConditionReasons.JobActive
        );

    private IEnumerable<string> Problems(JsonObject resource)
    {
        if (Fields.Number(resource, "status", "observedGeneration") != Fields.Number(resource, "metadata", "generation"))
            yield return "observedGeneration is outdated";
        var tagged = registry.Digest("app", Fields.Text(resource, "spec", "tag")) ?? "";
        if (Fields.Text(resource, "status", "latest", "digest") != tagged)
            yield return $"status.latest is not the digest of the tag {Fields.Text(resource, "spec", "tag")}";
        if (IsWaiting(resource))
            yield break;
        if (resource["status"]?["rollout"] is JsonObject rollout && !Names.IsFinal(Fields.Text(rollout, "phase")))
            yield return $"the rollout of {Fields.Text(rollout, "version")} is still {Fields.Text(rollout, "phase")}";

        (var ready, var reason, var message) = Fields.Condition(resource, "Ready");
        (var stalled, var why, _) = Fields.Condition(resource, "Stalled");
        if (Fields.IsTrue(resource, "spec", "suspend"))
        {
            if (reason != "Suspended")
                yield return $"suspended, but the reason of Ready is {reason}";
            yield break;
        }

        var pin = Fields.Text(resource, "spec", "pinVersion");
        var wanted = pin.Length > 0 ? history.Digests[pin] : tagged;
        string[] others =
        [
            .. Workloads(resource)
                .Where(w => history.DigestOf(w.Image) != wanted)
                .Select(w => $"{w.Kind}/{Fields.Text(w.Workload, "metadata", "name")} is on {w.Image}"),
        ];
        var quarantined = (resource["status"]?["quarantined"] as JsonArray ?? []).Any(q => Fields.Text(q, "digest") == wanted);
        if (ready == "True")
        {
            if (others.Length > 0)
                yield return $"Ready ({message}), but {others[0]}";
        }
        else if (reason == "WorkloadsNotReady" && others.Length == 0)
        {
            // No rollout is due: a user has set the version, or the workload went down after its rollout.
            if (
                resource["status"]?["rollout"] is JsonObject last
                && Fields.Text(last, "phase") == "Superseded"
                && Fields.Text(last, "digest") == wanted
            )
                yield return $"the rollout of {Fields.Text(last, "version")} was superseded, and the version is never judged";
            if (!IsSomePodDown(resource, wanted))
                yield return $"not Ready ({message}), but every pod is ready";
        }
        else if (stalled != "True")
        {
            yield return $"neither Ready nor Stalled ({reason}: {message})";
        }
        else if (why is "RolloutFailed" or "Quarantined" && !quarantined)
        {
            yield return $"Stalled ({why}), but nothing is quarantined";
        }
        else if (why is not ("RolloutFailed" or "Quarantined" or "Conflict" or "Contended" or "WorkloadNotFound"))
        {
            yield return $"unexpectedly Stalled: {why}";
        }
        else if (why == "Conflict" && history.Resources.Values.Count(r => r.States[^1].Change.After is not null) < 2)
        {
            yield return "Stalled (Conflict), but there is no other ContainerVersion";
        }
    }

    /// <summary>Whether a workload has fewer ready pods of the version than desired, or pods of another version.</summary>
    private bool IsSomePodDown(JsonObject resource, string wanted)
    {
        Dictionary<string, JsonObject> pods = [];
        foreach (var change in history.Changes.Where(c => c.Change.Resource == "pods"))
        {
            if (change.Change.After is { } after)
                pods[change.Change.Name] = after;
            else
                pods.Remove(change.Change.Name);
        }

        var container = Fields.Text(resource, "spec", "container", "name");
        var shape = WorkloadShape.Of("pods")!;
        foreach ((var kind, var workload, _) in Workloads(resource))
        {
            if (kind is "Job" or "CronJob")
                continue;
            var name = Fields.Text(workload, "metadata", "name");
            JsonObject[] own =
                kind == "Pod" ? [workload] : [.. pods.Values.Where(pod => Fields.Text(pod, "metadata", "labels", "app") == name)];
            var replicas = Fields.At(workload, "spec", "replicas") is null ? 1 : Fields.Number(workload, "spec", "replicas");
            var desired = kind == "DaemonSet" ? Fields.Number(workload, "status", "desiredNumberScheduled") : replicas;
            if (own.Count(IsUp) < desired || own.Any(pod => !IsUp(pod)))
                return true;
        }

        return false;

        bool IsUp(JsonObject pod) =>
            history.DigestOf(shape.Images(pod).GetValueOrDefault(container, "")) == wanted
            && Fields.Condition(pod, "Ready").Status == "True";
    }

    /// <summary>The existing workloads, with the image of the container.</summary>
    private Dictionary<string, (string Kind, JsonObject Workload, string Image)>.ValueCollection Workloads(JsonObject resource)
    {
        Dictionary<string, (string Kind, JsonObject Workload, string Image)> now = new(StringComparer.Ordinal);
        foreach (var change in history.Changes)
        {
            if (WorkloadShape.Of(change.Change.Resource) is not { } shape)
                continue;
            var name = $"{shape.Kind}/{change.Change.Name}";
            if (change.Change.After is not { } after)
                now.Remove(name);
            else if (Fields.Text(after, "metadata", "labels", "cvapp") == Fields.Text(resource, "spec", "selector", "cvapp"))
                now[name] = (
                    shape.Kind,
                    after,
                    shape.Images(after).GetValueOrDefault(Fields.Text(resource, "spec", "container", "name"), "")
                );
        }

        return now.Values;
    }
}
