using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using CvManager.Sandbox.Json;

namespace CvManager.Sandbox.Controllers;

internal enum ContainerPhase
{
    /// <summary>Not started yet, or its image is being pulled.</summary>
    Creating,
    PullFailed,
    Running,

    /// <summary>It exited and will be restarted. A kubelet reports the terminated state for a while before the waiting state.</summary>
    Crashed,
    BackOff,

    /// <summary>It exited and will not be restarted.</summary>
    Ended,
}

/// <summary>The kubelet's state of one container.</summary>
internal sealed class ContainerRun(string name, bool isInit)
{
    public string Name => name;

    public bool IsInit => isInit;

    /// <summary>The image that runs or is being pulled.</summary>
    public string Image { get; set; } = "";

    public string ImageId { get; set; } = "";

    public string ContainerId { get; set; } = "";

    public ContainerPhase Phase { get; set; }

    /// <summary>The reason of the waiting state.</summary>
    public string Reason { get; set; } = "ContainerCreating";

    public string Message { get; set; } = "";

    public bool Ready { get; set; }

    public long Restarts { get; set; }

    public string StartedAt { get; set; } = "";

    public JsonObject? Terminated { get; set; }

    public JsonObject? LastTerminated { get; set; }

    /// <summary>Consecutive failures; the back-off doubles with each.</summary>
    public int Failures { get; set; }

    /// <summary>The timer that this container waits for.</summary>
    public IDisposable? Pending { get; set; }

    public ContainerBehavior Behavior => ContainerBehavior.Of(Image);

    /// <summary>
    /// The image name that containerd reports: fully qualified, or the image ID if the pod references a digest. Until the image is pulled,
    /// the name in the pod.
    /// </summary>
    private string ReportedImage
    {
        get
        {
            if (ImageId.Length == 0)
                return Image;
            if (Image.Contains('@', StringComparison.Ordinal))
                return "sha256:" + Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(ImageId))).ToLowerInvariant();
            var host = Image.Split('/')[0];
            var name =
                !Image.Contains('/', StringComparison.Ordinal) ? $"docker.io/library/{Image}"
                : host.Contains('.', StringComparison.Ordinal) || host.Contains(':', StringComparison.Ordinal) || host == "localhost"
                    ? Image
                : $"docker.io/{Image}";
            return name.LastIndexOf(':') > name.LastIndexOf('/') ? name : $"{name}:latest";
        }
    }

    public JsonObject Status()
    {
        var state = new JsonObject();
        switch (Phase)
        {
            case ContainerPhase.Running:
                state["running"] = new JsonObject { ["startedAt"] = StartedAt };
                break;
            case ContainerPhase.Ended or ContainerPhase.Crashed:
                state["terminated"] = Terminated?.DeepClone();
                break;
            default:
                var waiting = new JsonObject { ["reason"] = Reason };
                waiting.SetOrRemove("message", Message);
                state["waiting"] = waiting;
                break;
        }
        var status = new JsonObject
        {
            ["name"] = Name,
            ["state"] = state,
            ["lastState"] = LastTerminated is null ? new JsonObject() : new JsonObject { ["terminated"] = LastTerminated.DeepClone() },
            ["ready"] =
                Phase == ContainerPhase.Running ? Ready : IsInit && Phase == ContainerPhase.Ended && Terminated.Int("exitCode") == 0,
            ["restartCount"] = Restarts,
            ["image"] = ReportedImage,
            ["imageID"] = ImageId,
        };
        status.SetOrRemove("containerID", ContainerId);
        status["started"] = Phase == ContainerPhase.Running;
        return status;
    }

    public JsonObject End(long exitCode, string now) =>
        new()
        {
            ["exitCode"] = exitCode,
            ["reason"] = exitCode == 0 ? "Completed" : "Error",
            ["startedAt"] = StartedAt,
            ["finishedAt"] = now,
            ["containerID"] = ContainerId,
        };
}
