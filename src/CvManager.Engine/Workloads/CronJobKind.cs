using System.Text.Json.Nodes;

namespace CvManager.Workloads;

internal sealed class CronJobKind : WorkloadKind
{
    public override string Name => "CronJob";

    public override string Group => "batch";

    /// <summary>v1beta1 was all there was before Kubernetes 1.21, and is gone since 1.25.</summary>
    public override IReadOnlyList<string> Versions => ["v1", "v1beta1"];

    public override string Plural => "cronjobs";

    public override IReadOnlyList<string> PodSpecPath => ["spec", "jobTemplate", "spec", "template", "spec"];

    public override bool HasPods => false;

    /// <summary>Jobs of the next times take the new image; those that run now are left alone.</summary>
    public override WorkloadProgress Progress(JsonObject json) => WorkloadProgress.Done("patched");

    protected override int? DesiredPods(JsonObject json) => null;

    protected override int AvailablePods(JsonObject json) => json.Items("status", "active").Count();

    protected override int? UpdatedPods(JsonObject json) => null;

    protected override int? ReadyPods(JsonObject json) => null;
}
