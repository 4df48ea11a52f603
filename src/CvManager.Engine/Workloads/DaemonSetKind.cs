using System.Text.Json.Nodes;
using CvManager.Resources;

namespace CvManager.Workloads;

internal sealed class DaemonSetKind : WorkloadKind
{
    public override string Name => "DaemonSet";

    public override string Group => "apps";

    public override string Plural => "daemonsets";

    /// <summary>Like <c>kubectl rollout status</c>; OnDelete waits until the pods are deleted (R4).</summary>
    public override WorkloadProgress Progress(JsonObject json)
    {
        if (!IsObserved(json))
            return WorkloadProgress.Waiting("waiting for the spec update to be observed");
        var desired = json.Number("status", "desiredNumberScheduled") ?? 0;
        var updated = json.Number("status", "updatedNumberScheduled") ?? 0;
        var available = json.Number("status", "numberAvailable") ?? 0;
        if (updated < desired)
        {
            return json.Text("spec", "updateStrategy", "type") == "OnDelete"
                ? WorkloadProgress.Blocked(
                    ConditionReasons.UpdateOnDelete,
                    $"the update strategy is OnDelete: {desired - updated} of {desired} pods run the previous version until they "
                        + "are deleted"
                )
                : WorkloadProgress.Waiting($"{updated} of {desired} pods have been updated");
        }

        return available < desired
            ? WorkloadProgress.Waiting($"{available} of {desired} updated pods are available")
            : WorkloadProgress.Done($"{available} of {desired} pods are available");
    }

    /// <summary>
    /// The label by which the DaemonSet controller identifies updated pods (kubernetes/pkg/controller/daemon/util, IsPodUpdated).
    /// </summary>
    protected override PodRevision? Revision(JsonObject json) =>
        json.Text("metadata", "annotations", "deprecated.daemonset.template.generation") is { } generation
            ? new PodRevision("pod-template-generation", generation)
            : null;

    protected override int? DesiredPods(JsonObject json) => json.Number("status", "desiredNumberScheduled") ?? 0;

    protected override int AvailablePods(JsonObject json) => json.Number("status", "numberAvailable") ?? 0;

    protected override int? UpdatedPods(JsonObject json) => json.Number("status", "updatedNumberScheduled") ?? 0;

    protected override int? ReadyPods(JsonObject json) => json.Number("status", "numberReady") ?? 0;
}
