using System.Text.Json.Nodes;

namespace CvManager.Workloads;

internal sealed class CronJobKind : WorkloadKind
{
    public override string Name => "CronJob";

    public override string Group => "batch";

    /// <summary>Before Kubernetes 1.21 there was only v1beta1, which was removed in 1.25.</summary>
    public override IReadOnlyList<string> Versions => ["v1", "v1beta1"];

    public override string Plural => "cronjobs";

    public override IReadOnlyList<string> PodSpecPath => ["spec", "jobTemplate", "spec", "template", "spec"];

    public override bool HasPods => false;

    /// <summary>Future Jobs use the new image; running Jobs are not changed.</summary>
    public override WorkloadProgress Progress(JsonObject json) => WorkloadProgress.Done("patched");

    protected override int? DesiredPods(JsonObject json) => null;

    protected override int AvailablePods(JsonObject json) => json.Items("status", "active").Count();

    protected override int? UpdatedPods(JsonObject json) => null;

    protected override int? ReadyPods(JsonObject json) => null;
}
