using System.Text.Json.Nodes;

namespace CvManager.Workloads;

internal sealed class DeploymentKind : WorkloadKind
{
    public override string Name => "Deployment";

    public override string Group => "apps";

    public override string Plural => "deployments";

    public override bool IsScalable => true;

    /// <summary>What <c>kubectl rollout status</c> goes by (kubectl/pkg/polymorphichelpers/rollout_status.go).</summary>
    public override WorkloadProgress Progress(JsonObject json)
    {
        if (!IsObserved(json))
            return WorkloadProgress.Waiting("waiting for the specification to be observed");
        JsonObject? progressing = json.Items("status", "conditions").FirstOrDefault(c => c.Text("type") == "Progressing");
        if (progressing?.Text("reason") == "ProgressDeadlineExceeded")
            return WorkloadProgress.Failed(progressing.Text("message") ?? "the Deployment exceeded its progress deadline");
        int desired = json.Number("spec", "replicas") ?? 1;
        int updated = json.Number("status", "updatedReplicas") ?? 0;
        int all = json.Number("status", "replicas") ?? 0;
        int available = json.Number("status", "availableReplicas") ?? 0;
        return updated < desired ? WorkloadProgress.Waiting($"{updated} of {desired} new replicas have been updated")
            : all > updated ? WorkloadProgress.Waiting($"{all - updated} old replicas are pending termination")
            : available < updated ? WorkloadProgress.Waiting($"{available} of {updated} updated replicas are available")
            : WorkloadProgress.Done($"{available} of {desired} replicas are available");
    }

    protected override int? DesiredPods(JsonObject json) => json.Number("spec", "replicas") ?? 1;

    protected override int AvailablePods(JsonObject json) => json.Number("status", "availableReplicas") ?? 0;
}
