using System.Text.Json.Nodes;

namespace CvManager.Workloads;

internal sealed class StatefulSetKind : WorkloadKind
{
    public override string Name => "StatefulSet";

    public override string Group => "apps";

    public override string Plural => "statefulsets";

    public override bool IsScalable => true;

    /// <summary>As <c>kubectl rollout status</c>; a partition is honoured, and OnDelete waits for whoever deletes the pods (R4).</summary>
    public override WorkloadProgress Progress(JsonObject json)
    {
        if (!IsObserved(json) || json.Long("status", "observedGeneration") == 0)
            return WorkloadProgress.Waiting("waiting for the specification to be observed");
        int desired = json.Number("spec", "replicas") ?? 1;
        int updated = json.Number("status", "updatedReplicas") ?? 0;
        int ready = json.Number("status", "readyReplicas") ?? 0;
        bool same = json.Text("status", "updateRevision") == json.Text("status", "currentRevision");
        if (json.Text("spec", "updateStrategy", "type") == "OnDelete")
        {
            return same || updated >= desired ? ReadyOrWaiting(ready, desired)
                : WorkloadProgress.Waiting($"its update strategy is OnDelete: {desired - updated} of {desired} pods run the former version until somebody deletes them");
        }

        int partition = json.Number("spec", "updateStrategy", "rollingUpdate", "partition") ?? 0;
        if (partition > 0)
        {
            int wanted = Math.Max(0, desired - partition);
            return updated < wanted ? WorkloadProgress.Waiting($"{updated} of {wanted} pods above the partition {partition} have been updated") : ReadyOrWaiting(ready, desired);
        }

        return !same ? WorkloadProgress.Waiting($"{updated} of {desired} pods have been updated") : ReadyOrWaiting(ready, desired);
    }

    protected override int? DesiredPods(JsonObject json) => json.Number("spec", "replicas") ?? 1;

    protected override int AvailablePods(JsonObject json) =>
        json.Number("status", "availableReplicas") ?? json.Number("status", "readyReplicas") ?? 0;

    private static WorkloadProgress ReadyOrWaiting(int ready, int desired) => ready < desired
        ? WorkloadProgress.Waiting($"{ready} of {desired} pods are ready") : WorkloadProgress.Done($"{ready} of {desired} pods are ready");
}
