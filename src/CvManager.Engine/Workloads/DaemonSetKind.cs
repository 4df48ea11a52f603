using System.Text.Json.Nodes;

namespace CvManager.Workloads;

internal sealed class DaemonSetKind : WorkloadKind
{
    public override string Name => "DaemonSet";

    public override string Group => "apps";

    public override string Plural => "daemonsets";

    /// <summary>As <c>kubectl rollout status</c>; OnDelete waits for whoever deletes the pods (R4).</summary>
    public override WorkloadProgress Progress(JsonObject json)
    {
        if (!IsObserved(json))
            return WorkloadProgress.Waiting("waiting for the specification to be observed");
        int desired = json.Number("status", "desiredNumberScheduled") ?? 0;
        int updated = json.Number("status", "updatedNumberScheduled") ?? 0;
        int available = json.Number("status", "numberAvailable") ?? 0;
        if (updated < desired)
        {
            return WorkloadProgress.Waiting(json.Text("spec", "updateStrategy", "type") == "OnDelete"
                ? $"its update strategy is OnDelete: {desired - updated} of {desired} pods run the former version until somebody deletes them"
                : $"{updated} of {desired} pods have been updated");
        }

        return available < desired ? WorkloadProgress.Waiting($"{available} of {desired} updated pods are available")
            : WorkloadProgress.Done($"{available} of {desired} pods are available");
    }

    protected override int? DesiredPods(JsonObject json) => json.Number("status", "desiredNumberScheduled") ?? 0;

    protected override int AvailablePods(JsonObject json) => json.Number("status", "numberAvailable") ?? 0;

    protected override int? UpdatedPods(JsonObject json) => json.Number("status", "updatedNumberScheduled") ?? 0;

    protected override int? ReadyPods(JsonObject json) => json.Number("status", "numberReady") ?? 0;
}
