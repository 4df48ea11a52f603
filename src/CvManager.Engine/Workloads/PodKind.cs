using System.Text.Json.Nodes;

namespace CvManager.Workloads;

internal sealed class PodKind : WorkloadKind
{
    public override string Name => "Pod";

    public override string Group => "";

    public override string Plural => "pods";

    public override IReadOnlyList<string> PodSpecPath => ["spec"];

    /// <summary>Done when every container runs the image that the specification names, and the pod is ready.</summary>
    public override WorkloadProgress Progress(JsonObject json)
    {
        Dictionary<string, string?> images = json.Items("spec", "containers").ToDictionary(c => c.Text("name") ?? "", c => c.Text("image"));
        foreach (JsonObject status in json.Items("status", "containerStatuses"))
        {
            // The kubelet writes the image of the container that runs, which lags behind the specification's.
            if (images.TryGetValue(status.Text("name") ?? "", out string? image) && !IsSameImage(image, status.Text("image")))
                return WorkloadProgress.Waiting($"container {status.Text("name")} still runs {status.Text("image")}");
        }

        return IsReady(json) ? WorkloadProgress.Done("the pod is ready") : WorkloadProgress.Waiting("the pod is not ready");
    }

    protected override int? DesiredPods(JsonObject json) => 1;

    protected override int AvailablePods(JsonObject json) => IsReady(json) ? 1 : 0;

    protected override int? UpdatedPods(JsonObject json) => null;

    protected override int? ReadyPods(JsonObject json) => IsReady(json) ? 1 : 0;

    private static bool IsReady(JsonObject json) =>
        json.Items("status", "conditions").Any(c => c.Text("type") == "Ready" && c.Text("status") == "True");

    /// <summary>Container runtimes write images in the long form: docker.io/library/nginx:1 for nginx:1, and may leave the tag out beside a digest.</summary>
    private static bool IsSameImage(string? wanted, string? running)
    {
        if (wanted is null || running is null || wanted == running || running.EndsWith("/" + wanted, StringComparison.Ordinal))
            return true;
        int digest = wanted.IndexOf('@', StringComparison.Ordinal);
        return digest > 0 && running.Contains(wanted[digest..], StringComparison.Ordinal);
    }
}
