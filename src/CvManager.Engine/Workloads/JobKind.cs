using System.Text.Json.Nodes;

namespace CvManager.Workloads;

internal sealed class JobKind : WorkloadKind
{
    public override string Name => "Job";

    public override string Group => "batch";

    public override string Plural => "jobs";

    public override Delivery Delivery => Delivery.Recreate;

    /// <summary>A Job is done when it has been recreated; whether it then succeeds is not part of the rollout (R4).</summary>
    public override WorkloadProgress Progress(JsonObject json) => WorkloadProgress.Done("created");

    protected override int? DesiredPods(JsonObject json) => json.Number("spec", "parallelism") ?? 1;

    protected override int AvailablePods(JsonObject json) => json.Number("status", "active") ?? 0;

    protected override int? UpdatedPods(JsonObject json) => null;

    protected override int? ReadyPods(JsonObject json) => json.Number("status", "ready");
}
