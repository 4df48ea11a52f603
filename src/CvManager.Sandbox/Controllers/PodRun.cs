using System.Text.Json.Nodes;
using CvManager.Sandbox.Json;
using CvManager.Sandbox.Storage;

namespace CvManager.Sandbox.Controllers;

/// <summary>The kubelet's state of one pod, and the status that it reports.</summary>
internal sealed class PodRun(StoredObject pod, string startTime) : IDisposable
{
    private readonly CancellationTokenSource _ended = new();

    public string Uid { get; } = pod.Uid;

    public List<ContainerRun> Containers { get; } =
    [
        .. pod.Body.Items("spec", "initContainers").Select(container => new ContainerRun(container.Str("name"), isInit: true)),
        .. pod.Body.Items("spec", "containers").Select(container => new ContainerRun(container.Str("name"), isInit: false)),
    ];

    public string Address { get; set; } = "";

    /// <summary>The pod is being deleted.</summary>
    public bool Stopping { get; set; }

    /// <summary>Its <c>activeDeadlineSeconds</c> have passed.</summary>
    public bool IsExpired { get; set; }

    /// <summary>The timer of <c>activeDeadlineSeconds</c>.</summary>
    public IDisposable? Deadline { get; set; }

    /// <summary>Cancels running pulls.</summary>
    public CancellationToken Ended => _ended.Token;

    public ContainerRun? NextInit => Containers.FirstOrDefault(container => container.IsInit && container.Phase != ContainerPhase.Ended);

    public IEnumerable<ContainerRun> Main => Containers.Where(container => !container.IsInit);

    public void Dispose()
    {
        _ended.Cancel();
        Deadline?.Dispose();
        foreach (var container in Containers)
            container.Pending?.Dispose();
        _ended.Dispose();
    }

    public JsonObject Status(JsonObject body, string now)
    {
        var before = body.Obj("status") ?? [];
        var policy = body.Str("spec", "restartPolicy");
        var initialized = NextInit is null;
        if (!initialized)
        {
            foreach (var container in Main.Where(container => container.Phase == ContainerPhase.Creating))
                container.Reason = "PodInitializing";
        }
        var phase = IsExpired ? "Failed" : Phase(policy, initialized);
        var ready = phase == "Running" && Main.All(container => container is { Phase: ContainerPhase.Running, Ready: true });
        var gates = body.Items("spec", "readinessGates").Select(gate => gate.Str("conditionType")).ToList();
        var gatesMet = gates.All(gate => before.Items("conditions").Any(item => item.Str("type") == gate && item.Str("status") == "True"));
        var unready =
            "containers with unready status: "
            + $"[{string.Join(' ', Main.Where(item => !(item.Phase == ContainerPhase.Running && item.Ready)).Select(item => item.Name))}]";
        var reason =
            phase == "Succeeded" ? "PodCompleted"
            : phase == "Failed" ? "PodFailed"
            : "ContainersNotReady";
        var message = phase is "Succeeded" or "Failed" ? "" : unready;
        var status = new JsonObject
        {
            ["phase"] = phase,
            ["conditions"] = new JsonArray([
                Condition("PodReadyToStartContainers", phase is not ("Succeeded" or "Failed"), "", ""),
                Condition(
                    "Initialized",
                    initialized,
                    "ContainersNotInitialized",
                    "containers with incomplete status: ["
                        + string.Join(
                            ' ',
                            Containers.Where(item => item.IsInit && item.Phase != ContainerPhase.Ended).Select(item => item.Name)
                        )
                        + "]"
                ),
                Condition(
                    "Ready",
                    ready && gatesMet,
                    ready ? "ReadinessGatesNotReady" : reason,
                    ready ? "the status of pod readiness gate is not \"True\", but False" : message
                ),
                Condition("ContainersReady", ready, reason, message),
                Condition("PodScheduled", true, "", ""),
                .. before.Items("conditions").Where(item => gates.Contains(item.Str("type"))).Select(item => item.DeepClone()),
            ]),
            ["hostIP"] = "127.0.0.1",
            ["hostIPs"] = new JsonArray(new JsonObject { ["ip"] = "127.0.0.1" }),
        };
        if (IsExpired)
        {
            status["reason"] = "DeadlineExceeded";
            status["message"] = "Pod was active on the node longer than the specified deadline";
        }
        if (Address.Length > 0)
        {
            status["podIP"] = Address;
            status["podIPs"] = new JsonArray(new JsonObject { ["ip"] = Address });
        }
        status["startTime"] = startTime;
        if (Containers.Any(container => container.IsInit))
            status["initContainerStatuses"] = new JsonArray([
                .. Containers.Where(container => container.IsInit).Select(container => container.Status()),
            ]);
        status["containerStatuses"] = new JsonArray([.. Main.Select(container => container.Status())]);
        status["qosClass"] = before.Str("qosClass");
        return status;

        JsonObject Condition(string type, bool met, string conditionReason, string conditionMessage)
        {
            var old = before.Items("conditions").FirstOrDefault(item => item.Str("type") == type);
            var value = met ? "True" : "False";
            var condition = new JsonObject
            {
                ["type"] = type,
                ["status"] = value,
                ["lastProbeTime"] = null,
                ["lastTransitionTime"] = old.Str("status") == value ? old.Str("lastTransitionTime") : now,
            };
            if (!met)
            {
                condition.SetOrRemove("reason", conditionReason);
                condition.SetOrRemove("message", conditionMessage);
            }
            return condition;
        }
    }

    private string Phase(string policy, bool initialized)
    {
        var anyInitFailed =
            policy == "Never"
            && Containers.Any(item => item is { IsInit: true, Phase: ContainerPhase.Ended } && item.Terminated.Int("exitCode") != 0);
        if (anyInitFailed)
            return "Failed";
        if (!initialized)
            return "Pending";
        if (Main.All(item => item.Phase == ContainerPhase.Ended))
            return Main.All(item => item.Terminated.Int("exitCode") == 0) ? "Succeeded" : "Failed";
        return Main.Any(item =>
            item.Phase is ContainerPhase.Running or ContainerPhase.Crashed or ContainerPhase.BackOff or ContainerPhase.Ended
            || item.LastTerminated is not null
        )
            ? "Running"
            : "Pending";
    }
}
