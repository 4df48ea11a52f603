using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using CvManager.Sandbox.Api;

namespace CvManager.Sandbox.Controllers;

internal enum ContainerPhase
{
    /// <summary>Not looked at yet, or its image is on the way.</summary>
    Creating,
    PullFailed,
    Running,

    /// <summary>It ended, and is restarted: a kubelet shows how it ended for some seconds before it says that it waits.</summary>
    Crashed,
    BackOff,

    /// <summary>For good.</summary>
    Ended,
}

/// <summary>One container of one pod, as the kubelet knows it.</summary>
internal sealed class ContainerRun(string name, bool isInit)
{
    public string Name => name;

    public bool IsInit => isInit;

    /// <summary>What runs, or is being pulled.</summary>
    public string Image { get; set; } = "";

    public string ImageId { get; set; } = "";

    public string ContainerId { get; set; } = "";

    public ContainerPhase Phase { get; set; }

    /// <summary>Of the waiting state.</summary>
    public string Reason { get; set; } = "ContainerCreating";

    public string Message { get; set; } = "";

    public bool Ready { get; set; }

    public long Restarts { get; set; }

    public string StartedAt { get; set; } = "";

    public JsonObject? Terminated { get; set; }

    public JsonObject? LastTerminated { get; set; }

    /// <summary>Failures in a row: the back-off doubles with each.</summary>
    public int Failures { get; set; }

    /// <summary>The one timer, or pull, that this container waits for.</summary>
    public IDisposable? Pending { get; set; }

    public ContainerBehaviour Behaviour => ContainerBehaviour.Of(Image);

    /// <summary>
    /// As containerd names what runs: in full, and by the image's own id where the pod names it by its digest. Until it is pulled, as the pod does.
    /// </summary>
    private string ReportedImage
    {
        get
        {
            if (ImageId.Length == 0)
                return Image;
            if (Image.Contains('@', StringComparison.Ordinal))
                return "sha256:" + Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(ImageId))).ToLowerInvariant();
            string host = Image.Split('/')[0];
            string name = !Image.Contains('/', StringComparison.Ordinal) ? $"docker.io/library/{Image}"
                : host.Contains('.', StringComparison.Ordinal) || host.Contains(':', StringComparison.Ordinal) || host == "localhost" ? Image : $"docker.io/{Image}";
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
            ["ready"] = Phase == ContainerPhase.Running ? Ready : IsInit && Phase == ContainerPhase.Ended && Terminated.Int("exitCode") == 0,
            ["restartCount"] = Restarts,
            ["image"] = ReportedImage,
            ["imageID"] = ImageId,
        };
        status.SetOrRemove("containerID", ContainerId);
        status["started"] = Phase == ContainerPhase.Running;
        return status;
    }

    public JsonObject End(long exitCode, string now) => new()
    {
        ["exitCode"] = exitCode,
        ["reason"] = exitCode == 0 ? "Completed" : "Error",
        ["startedAt"] = StartedAt,
        ["finishedAt"] = now,
        ["containerID"] = ContainerId,
    };
}
