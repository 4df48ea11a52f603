using System.Text.Json.Nodes;
using CvManager.Resources;

namespace CvManager.Workloads;

internal sealed class DeploymentKind : WorkloadKind
{
    public override string Name => "Deployment";

    public override string Group => "apps";

    public override string Plural => "deployments";

    public override bool IsScalable => true;

    /// <summary>
    /// Like <c>kubectl rollout status</c> (kubectl/pkg/polymorphichelpers/rollout_status.go), except for the progress deadline: see
    /// <see cref="Workload.DeadlineExceeded"/>.
    /// </summary>
    public override WorkloadProgress Progress(JsonObject json)
    {
        if (!IsObserved(json))
            return WorkloadProgress.Waiting("waiting for the spec update to be observed");
        var desired = json.Number("spec", "replicas") ?? 1;
        var updated = json.Number("status", "updatedReplicas") ?? 0;
        var all = json.Number("status", "replicas") ?? 0;
        var available = json.Number("status", "availableReplicas") ?? 0;
        var missing =
            updated < desired ? $"{updated} of {desired} new replicas have been updated"
            : all > updated ? $"{all - updated} old replicas are pending termination"
            : available < updated ? $"{available} of {updated} updated replicas are available"
            : null;
        return missing is null ? WorkloadProgress.Done($"{available} of {desired} replicas are available")
            : json.Flag("spec", "paused")
                ? WorkloadProgress.Blocked(
                    ConditionReasons.WorkloadPaused,
                    $"the Deployment is paused (spec.paused), {missing}; run kubectl rollout resume to continue"
                )
            : WaitingForPods(json, missing);
    }

    /// <summary>
    /// The Deployment controller keeps the condition until there is progress, even if it belongs to an earlier specification
    /// (kubernetes/pkg/controller/deployment/progress.go).
    /// </summary>
    protected override DeadlineExceeded? DeadlineExceeded(JsonObject json) =>
        json.Items("status", "conditions")
            .FirstOrDefault(c => c.Text("type") == "Progressing" && c.Text("reason") == "ProgressDeadlineExceeded")
            is { } condition
            ? new DeadlineExceeded(
                condition.Text("lastUpdateTime") ?? condition.Text("lastTransitionTime") ?? "",
                condition.Text("message") ?? "the Deployment exceeded its progress deadline"
            )
            : null;

    protected override int? DesiredPods(JsonObject json) => json.Number("spec", "replicas") ?? 1;

    protected override int AvailablePods(JsonObject json) => json.Number("status", "availableReplicas") ?? 0;
}
