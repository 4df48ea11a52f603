using System.Text.Json.Nodes;

namespace CvManager.Workloads;

/// <summary>
/// Early evidence that a version will not come up: what the kubelet says of the pods that run it, long before the deadline. Pure.
/// </summary>
internal static class PodTrouble
{
    /// <summary>CrashLoopBackOff counts from this many restarts on: a first crash can be the weather.</summary>
    public const int CrashRestarts = 3;

    private static readonly HashSet<string> Reasons = new(StringComparer.Ordinal)
    {
        "ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "CreateContainerConfigError", "CreateContainerError", "RunContainerError",
    };

    /// <summary>The first trouble among pods that run an image, in words; null for none.</summary>
    public static string? Find(IEnumerable<JsonObject> pods, WorkloadContainer container)
    {
        string list = container.IsInit ? "initContainers" : "containers";
        foreach (JsonObject pod in pods)
        {
            if (pod.At("metadata", "deletionTimestamp") is not null
                || !pod.Items("spec", list).Any(c => c.Text("name") == container.Name && c.Text("image") == container.Image))
            {
                continue;
            }

            foreach (JsonObject status in pod.Items("status", "initContainerStatuses").Concat(pod.Items("status", "containerStatuses")))
            {
                string? reason = status.Text("state", "waiting", "reason");
                if (reason is null || !(Reasons.Contains(reason) || (reason == "CrashLoopBackOff" && status.Number("restartCount") >= CrashRestarts)))
                    continue;
                string? message = status.Text("state", "waiting", "message");
                return $"pod {pod.Text("metadata", "name")}, container {status.Text("name")}: {reason}{(message is null ? "" : $" ({message})")}";
            }
        }

        return null;
    }
}
