using System.Text.Json.Nodes;
using CvManager.Resources;

namespace CvManager.Workloads;

internal sealed class StatefulSetKind : WorkloadKind
{
    public override string Name => "StatefulSet";

    public override string Group => "apps";

    public override string Plural => "statefulsets";

    public override bool IsScalable => true;

    /// <summary>
    /// Like <c>kubectl rollout status</c>, but the ready pods also have to be of the update revision: after a rollback, pods of the failed
    /// revision remain. A partition is honoured, and OnDelete waits until the pods are deleted (R4).
    /// </summary>
    public override WorkloadProgress Progress(JsonObject json)
    {
        if (!IsObserved(json) || json.Long("status", "observedGeneration") == 0)
            return WorkloadProgress.Waiting("waiting for the spec update to be observed");
        var desired = json.Number("spec", "replicas") ?? 1;
        var updated = json.Number("status", "updatedReplicas") ?? 0;
        var ready = json.Number("status", "readyReplicas") ?? 0;
        var same = json.Text("status", "updateRevision") == json.Text("status", "currentRevision");
        var partition = json.Number("spec", "updateStrategy", "rollingUpdate", "partition") ?? 0;
        if (json.Text("spec", "updateStrategy", "type") == "OnDelete")
        {
            return updated < desired
                ? WorkloadProgress.Blocked(
                    ConditionReasons.UpdateOnDelete,
                    $"the update strategy is OnDelete: {desired - updated} of {desired} pods run the previous version until they "
                        + "are deleted"
                )
                : ReadyOrWaiting(ready, desired);
        }

        if (partition > 0 && !same)
        {
            var wanted = Math.Max(0, desired - partition);
            return wanted == 0 && desired > 0
                    ? WorkloadProgress.Blocked(
                        ConditionReasons.UpdatePartitioned,
                        $"the partition {partition} keeps {Counted.Of(desired, "pod")} on the previous version"
                    )
                : updated < wanted
                    ? WorkloadProgress.Waiting($"{updated} of {wanted} pods above the partition {partition} have been updated")
                : ReadyOrWaiting(ready, desired, $"; the partition {partition} keeps {desired - updated} on the previous version");
        }

        return updated < desired ? WorkloadProgress.Waiting($"{updated} of {desired} pods have been updated")
            : ready < desired || same ? ReadyOrWaiting(ready, desired)
            : WorkloadProgress.Waiting("waiting for the update to complete");
    }

    protected override PodRevision? Revision(JsonObject json) =>
        json.Text("status", "updateRevision") is { Length: > 0 } revision ? new PodRevision("controller-revision-hash", revision) : null;

    protected override int? DesiredPods(JsonObject json) => json.Number("spec", "replicas") ?? 1;

    protected override int AvailablePods(JsonObject json) =>
        json.Number("status", "availableReplicas") ?? json.Number("status", "readyReplicas") ?? 0;

    private static WorkloadProgress ReadyOrWaiting(int ready, int desired, string note = "") =>
        ready < desired
            ? WorkloadProgress.Waiting($"{ready} of {desired} pods are ready")
            : WorkloadProgress.Done($"{ready} of {desired} pods are ready{note}");
}
