using System.Text.Json.Nodes;

namespace CvManager.Workloads;

internal sealed class ReplicaSetKind : WorkloadKind
{
    public override string Name => "ReplicaSet";

    public override string Group => "apps";

    public override string Plural => "replicasets";

    public override bool IsScalable => true;

    public override Delivery Delivery => Delivery.PatchTemplateAndReplacePods;

    /// <summary>A ReplicaSet never changes existing pods: whether they run the new image has to be read from the pods.</summary>
    public override WorkloadProgress Progress(JsonObject json)
    {
        if (!IsObserved(json))
            return WorkloadProgress.Waiting("waiting for the spec update to be observed");
        var desired = json.Number("spec", "replicas") ?? 1;
        var all = json.Number("status", "replicas") ?? 0;
        var available = json.Number("status", "availableReplicas") ?? 0;
        return all != desired ? WaitingForPods(json, $"{all} of {desired} pods exist")
            : available < desired ? WorkloadProgress.Waiting($"{available} of {desired} pods are available")
            : WorkloadProgress.Done($"{available} of {desired} pods are available");
    }

    protected override int? DesiredPods(JsonObject json) => json.Number("spec", "replicas") ?? 1;

    protected override int AvailablePods(JsonObject json) => json.Number("status", "availableReplicas") ?? 0;

    protected override int? UpdatedPods(JsonObject json) => null;
}
