using System.Globalization;
using System.Text.Json.Nodes;
using CvManager.Resources;

namespace CvManager.Workloads;

/// <summary>A problem with a version's pods that the version may have caused.</summary>
/// <param name="Kind">What fails, one of <see cref="TroubleKind"/>.</param>
/// <param name="Message">A description for people.</param>
/// <param name="IsDecisive">False if the problem may be transient: a first failed pull, a Secret that is created a moment later.</param>
/// <param name="NamesCause">False for a report that only says that the kubelet waits before the next attempt.</param>
internal sealed record Trouble(string Kind, string Message, bool IsDecisive, bool NamesCause)
{
    /// <summary>What the kubelet calls it: ImagePullBackOff, CrashLoopBackOff, OOMKilled.</summary>
    public required string Reason { get; init; }

    /// <summary>The container whose events and log may say why; null if the message says it.</summary>
    public PodContainer? Container { get; init; }
}

/// <summary>A container of a pod.</summary>
/// <param name="Pod">The name of the pod.</param>
/// <param name="PodUid">Its uid.</param>
/// <param name="Name">The name of the container.</param>
/// <param name="HasStarted">False if it has no log yet.</param>
internal sealed record PodContainer(string Pod, string PodUid, string Name, bool HasStarted);

/// <summary>The kinds of trouble (<see cref="WorkloadTrouble.Kind"/>).</summary>
internal static class TroubleKind
{
    public const string ImagePull = nameof(ImagePull);
    public const string Configuration = nameof(Configuration);
    public const string Crash = nameof(Crash);

    /// <summary>Only of a workload that has failed: before, a pod that is not ready may become so.</summary>
    public const string NotReady = nameof(NotReady);
}

/// <summary>A pod that is not ready, and why.</summary>
/// <param name="Name">The name of the pod.</param>
/// <param name="Reason">One word: that of the kubelet (ImagePullBackOff), a condition reason, or NotReady.</param>
/// <param name="Message">A description for people, which names the pod.</param>
/// <param name="IsProblem">False for what every pod goes through: it is created, or its probes have not passed yet.</param>
public sealed record UnreadyPod(string Name, string Reason, string Message, bool IsProblem);

/// <summary>Something that prevents pods from running and is not the version's fault.</summary>
/// <param name="By">One of <see cref="ConditionReasons"/>.</param>
internal sealed record Blockage(string By, string Message);

/// <summary>Evidence from a version's pods, available long before a deadline. Both null if there is no problem.</summary>
internal sealed record Evidence(Trouble? Trouble, Blockage? Blockage)
{
    public static Evidence None { get; } = new(null, null);
}

/// <summary>Reads evidence from the pod status that kubelets, scheduler and node controller write. Pure.</summary>
internal static class PodEvidence
{
    /// <summary>The number of crashes that counts as the version's fault; fewer may be transient.</summary>
    public const int DecisiveCrashes = 3;

    private const string NotReady = "NotReady";

    /// <summary>A message about a failed pull contains the image name three times.</summary>
    private const int MaxMessageLength = 600;

    /// <summary>A kubelet acknowledges a pod within seconds, and a deleted pod disappears soon after its grace period.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private static readonly HashSet<string> Pulls = new(StringComparer.Ordinal)
    {
        "ErrImagePull",
        "ImagePullBackOff",
        "InvalidImageName",
        "ErrImageNeverPull",
        "ImageInspectError",
        "RegistryUnavailable",
        "SignatureValidationFailed",
    };
    private static readonly HashSet<string> Configurations = new(StringComparer.Ordinal)
    {
        "CreateContainerConfigError",
        "CreateContainerError",
        "RunContainerError",
    };
    private static readonly HashSet<string> DecisivePulls = new(StringComparer.Ordinal)
    {
        "ImagePullBackOff",
        "InvalidImageName",
        "SignatureValidationFailed",
    };

    /// <summary>
    /// The trouble that the kubelet reports for a pod's containers; null if there is none. Init containers first, because they run first.
    /// </summary>
    /// <param name="restartsBefore">The restarts of the former image (of a Pod that is changed in place).</param>
    public static Trouble? FindTrouble(JsonObject pod, int restartsBefore = 0)
    {
        foreach (var status in pod.Items("status", "initContainerStatuses").Concat(pod.Items("status", "containerStatuses")))
        {
            var where = $"pod {pod.Text("metadata", "name")}, container {status.Text("name")}";
            var reason = status.Text("state", "waiting", "reason");
            if (reason is not null && Pulls.Contains(reason))
                return new Trouble(
                    TroubleKind.ImagePull,
                    Describe(where, reason, status),
                    DecisivePulls.Contains(reason),
                    reason != "ImagePullBackOff"
                )
                {
                    Reason = reason,
                };
            if (reason is not null && Configurations.Contains(reason))
                return new Trouble(TroubleKind.Configuration, Describe(where, reason, status), IsDecisive: false, NamesCause: true)
                {
                    Reason = reason,
                };
            // A crashed container is "terminated" for some seconds, and then in CrashLoopBackOff, with short runs between; restartCount
            // covers all of these states.
            var restarts = Math.Max(0, (status.Number("restartCount") ?? 0) - restartsBefore);
            var isDown = status.At("state", "running") is null;
            var ended =
                status.At("state", "terminated")
                ?? (restarts > 0 || reason == "CrashLoopBackOff" ? status.At("lastState", "terminated") : null);
            var again = pod.Text("spec", "restartPolicy") is null or "Always" || ended.Number("exitCode") != 0;
            if (ended is null || !isDown || !again || (IsInit(pod, status) && ended.Number("exitCode") == 0))
                continue;
            var crashes = restarts + 1;
            return new Trouble(
                TroubleKind.Crash,
                $"{where}: {HowEnded(ended)}, {crashes.ToString(CultureInfo.InvariantCulture)} {(crashes == 1 ? "time" : "times")}",
                crashes >= DecisiveCrashes,
                NamesCause: true
            )
            {
                Reason = reason ?? ended.Text("reason") ?? "Error",
                Container = ContainerOf(pod, status, hasStarted: true),
            };
        }

        return null;
    }

    /// <summary>What prevents a pod from running and is not its image's fault; null for nothing.</summary>
    public static Blockage? FindBlockage(JsonObject pod, DateTimeOffset now)
    {
        var name = pod.Text("metadata", "name");
        if (Condition(pod, "PodScheduled") is { } scheduled && scheduled.Text("status") == "False")
            return new Blockage(
                ConditionReasons.PodsNotScheduled,
                $"pod {name} is not scheduled: {Shown(scheduled.Text("message") ?? scheduled.Text("reason"))}"
            );
        var node = pod.Text("spec", "nodeName");
        if (node is null)
            return null;
        if (pod.Text("status", "startTime") is null)
        {
            return IsOver(Condition(pod, "PodScheduled").Text("lastTransitionTime") ?? pod.Text("metadata", "creationTimestamp"), now)
                ? new Blockage(ConditionReasons.NodeNotReady, $"the kubelet of node {node} has not acknowledged pod {name}")
                : null;
        }

        // If a node stops reporting, the node controller sets its pods to not ready, and leaves everything else as the kubelet last wrote
        // it.
        var taken =
            Condition(pod, "Ready") is { } ready
            && ready.Text("status") == "False"
            && ready.Text("reason") is null
            && Condition(pod, "ContainersReady").Text("status") == "True"
            && pod.Items("spec", "readinessGates").FirstOrDefault() is null;
        return taken
            ? new Blockage(ConditionReasons.NodeNotReady, $"pod {name} is not ready because its node {node} is not reporting")
            : null;
    }

    /// <summary>A deleted pod that still exists long after its grace period; null otherwise.</summary>
    public static Blockage? FindStuckDeletion(JsonObject pod, DateTimeOffset now) =>
        IsOver(pod.Text("metadata", "deletionTimestamp"), now)
            ? new Blockage(
                ConditionReasons.PodsTerminating,
                $"pod {pod.Text("metadata", "name")} was deleted but still exists: "
                    + $"its node {pod.Text("spec", "nodeName")} is not reporting, or a finalizer blocks the deletion"
            )
            : null;

    /// <summary>True if a pod waits for its node to set up volumes or network; only events show what it waits for.</summary>
    public static bool IsBeingSetUp(JsonObject pod, DateTimeOffset now) =>
        pod.Items("status", "containerStatuses").Any()
        && IsOver(pod.Text("status", "startTime"), now)
        && pod.Items("status", "initContainerStatuses")
            .Concat(pod.Items("status", "containerStatuses"))
            .All(status =>
                status.Text("state", "waiting", "reason") is "ContainerCreating" or "PodInitializing"
                && status.At("lastState", "terminated") is null
            );

    /// <summary>Why a pod is not ready, as far as its status shows it; null if it is ready.</summary>
    /// <param name="restartsBefore">See <see cref="FindTrouble"/>.</param>
    public static UnreadyPod? DescribeUnready(JsonObject pod, DateTimeOffset now, int restartsBefore = 0)
    {
        var name = pod.Text("metadata", "name") ?? "";
        if (FindTrouble(pod, restartsBefore) is { } trouble)
        {
            // The message about a crash contains the exit code, but not that the kubelet waits before the next attempt.
            return new UnreadyPod(
                name,
                trouble.Reason,
                trouble.Kind == TroubleKind.Crash && trouble.Reason == "CrashLoopBackOff"
                    ? $"{trouble.Message} (CrashLoopBackOff)"
                    : trouble.Message,
                IsProblem: true
            );
        }

        if (IsReady(pod))
            return null;
        if (FindBlockage(pod, now) is { } blockage)
            return new UnreadyPod(name, blockage.By, blockage.Message, IsProblem: true);
        var container = UnreadyContainer(pod);
        var phase = pod.Text("status", "phase") ?? "Pending";
        if (container is null)
        {
            // A readiness gate, for example.
            return Condition(pod, "ContainersReady").Text("status") == "True" && Condition(pod, "Ready").Text("message") is { } message
                ? new UnreadyPod(name, NotReady, $"pod {name} is not ready: {Shown(message)}", IsProblem: false)
                : new UnreadyPod(name, phase, $"pod {name} is {phase}, but not ready", IsProblem: false);
        }

        var where = $"pod {name}, container {container.Text("name")}";
        var isWaiting = container.At("state", "running") is null;
        var (reason, state) =
            !isWaiting ? (NotReady, $"{where}: running, but not {(IsInit(pod, container) ? "completed" : "ready")}")
            : container.Text("state", "waiting", "reason") is { } why ? (why, Describe(where, why, container))
            : (phase, $"{where}: {phase}");
        var restarts = Math.Max(0, (container.Number("restartCount") ?? 0) - restartsBefore);
        if (restarts > 0)
            state += string.Create(
                CultureInfo.InvariantCulture,
                $", {restarts} {(restarts == 1 ? "restart" : "restarts")}{(container.At("lastState", "terminated") is { } last ? $", {HowEnded(last)}" : "")}"
            );
        return new UnreadyPod(name, reason, state, IsProblem: false);
    }

    /// <summary>The trouble of a failed workload whose pod shows no other (<see cref="FindTrouble"/>); null if the pod is ready.</summary>
    /// <param name="restartsBefore">See <see cref="FindTrouble"/>.</param>
    public static Trouble? FindUnready(JsonObject pod, DateTimeOffset now, int restartsBefore = 0) =>
        DescribeUnready(pod, now, restartsBefore) is { } unready
            ? new Trouble(TroubleKind.NotReady, unready.Message, IsDecisive: false, NamesCause: true)
            {
                Reason = unready.Reason,
                Container = UnreadyContainer(pod) is { } container
                    ? ContainerOf(pod, container, container.At("state", "running") is not null)
                    : null,
            }
            : null;

    public static bool IsReady(JsonObject pod) => Condition(pod, "Ready").Text("status") == "True";

    /// <summary>True if a pod has been unready for so long that it is not a transient state.</summary>
    public static bool IsLongUnready(JsonObject pod, DateTimeOffset now) =>
        Condition(pod, "Ready") is { } ready && ready.Text("status") == "False" && IsOver(ready.Text("lastTransitionTime"), now - Patience);

    public static bool IsOwnedBy(JsonObject pod, string uid) =>
        pod.Items("metadata", "ownerReferences").Any(owner => owner.Text("uid") == uid);

    /// <summary>The image of a pod's container; null if it has no such container.</summary>
    public static string? ImageOf(JsonObject pod, WorkloadContainer container) =>
        pod.Items("spec", container.IsInit ? "initContainers" : "containers")
            .FirstOrDefault(c => c.Text("name") == container.Name)
            ?.Text("image");

    /// <summary>Whether a pod's container has an image, by name or, if a webhook changed the name, by digest.</summary>
    public static bool HasImage(JsonObject pod, WorkloadContainer container, string image, string? digest)
    {
        if (ImageOf(pod, container) is not { } present)
            return false;
        if (RunningImage.AreSame(present, image))
            return true;
        digest ??= RunningImage.DigestOf(image);
        var running = pod.Items("status", container.IsInit ? "initContainerStatuses" : "containerStatuses")
            .FirstOrDefault(c => c.Text("name") == container.Name)
            ?.Text("imageID");
        return digest is not null
            && (RunningImage.DigestOf(present) == digest || (running is not null && RunningImage.DigestOf(running) == digest));
    }

    /// <summary>The first container that a pod waits for, in the order in which they start; null if all are ready.</summary>
    private static JsonObject? UnreadyContainer(JsonObject pod) =>
        pod.Items("status", "initContainerStatuses")
            .Concat(pod.Items("status", "containerStatuses"))
            .FirstOrDefault(status => !status.Flag("ready"));

    private static bool IsInit(JsonObject pod, JsonObject status) => pod.Items("status", "initContainerStatuses").Contains(status);

    private static PodContainer ContainerOf(JsonObject pod, JsonObject status, bool hasStarted) =>
        new(pod.Text("metadata", "name") ?? "", pod.Text("metadata", "uid") ?? "", status.Text("name") ?? "", hasStarted);

    private static JsonObject? Condition(JsonObject pod, string type) =>
        pod.Items("status", "conditions").FirstOrDefault(c => c.Text("type") == type);

    private static bool IsOver(string? time, DateTimeOffset now) =>
        DateTimeOffset.TryParse(time, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var at) && now - at > Patience;

    private static string Describe(string where, string reason, JsonObject status) =>
        status.Text("state", "waiting", "message") is { } message ? $"{where}: {reason} ({Shown(message)})" : $"{where}: {reason}";

    private static string HowEnded(JsonNode ended)
    {
        var how = $"exited with code {(ended.Number("exitCode") ?? 0).ToString(CultureInfo.InvariantCulture)}";
        var reason = ended.Text("reason") is { } why && why is not ("Error" or "Completed") ? $"{how} ({why})" : how;
        return ended.Text("message") is { Length: > 0 } message ? $"{reason}: {Shown(message)}" : reason;
    }

    /// <summary>Text from a kubelet, a registry or a container, made safe to print.</summary>
    public static string Shown(string? text) => RemoteText.Show(text, limit: MaxMessageLength);
}
