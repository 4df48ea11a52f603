using System.Text.Json.Nodes;

namespace CvManager.Workloads;

/// <summary>What the kubelet says of a pod that does not come up.</summary>
/// <param name="Message">In words.</param>
/// <param name="IsDecisive">False for what may still be the weather: a first failed pull, a Secret that comes a moment later.</param>
public sealed record Trouble(string Message, bool IsDecisive);

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

    private static readonly HashSet<string> Decisive = new(StringComparer.Ordinal) { "ImagePullBackOff", "InvalidImageName", "CrashLoopBackOff" };

    /// <summary>The first trouble among pods that run an image; null for none.</summary>
    public static Trouble? Find(IEnumerable<JsonObject> pods, WorkloadContainer container)
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
                return new Trouble($"pod {pod.Text("metadata", "name")}, container {status.Text("name")}: {reason}{(message is null ? "" : $" ({message})")}", Decisive.Contains(reason));
            }
        }

        return null;
    }
}
