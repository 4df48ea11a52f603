using System.Text.Json.Nodes;

namespace CvManager.Workloads;

internal sealed class PodKind : WorkloadKind
{
    public override string Name => "Pod";

    public override string Group => "";

    public override string Plural => "pods";

    public override IReadOnlyList<string> PodSpecPath => ["spec"];

    /// <summary>Readiness only: whether the Pod runs its specified image is determined by <see cref="RunningImage"/>.</summary>
    public override WorkloadProgress Progress(JsonObject json) =>
        IsReady(json) ? WorkloadProgress.Done("the pod is ready") : WorkloadProgress.Waiting("the pod is not ready");

    protected override bool IsFinished(JsonObject json) => json.Text("status", "phase") is "Succeeded" or "Failed";

    protected override int? DesiredPods(JsonObject json) => 1;

    protected override int AvailablePods(JsonObject json) => IsReady(json) ? 1 : 0;

    protected override int? UpdatedPods(JsonObject json) => null;

    protected override int? ReadyPods(JsonObject json) => IsReady(json) ? 1 : 0;

    private static bool IsReady(JsonObject json) =>
        json.Items("status", "conditions").Any(c => c.Text("type") == "Ready" && c.Text("status") == "True");
}
