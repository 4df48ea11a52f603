using System.Text.Json.Serialization;

namespace CvManager.Resources;

/// <summary>What the controller saw and did. A subresource: nothing but the controller writes it.</summary>
public sealed record ContainerVersionStatus
{
    public string? CurrVersion { get; init; }

    /// <summary>See <see cref="CurrentStatus"/>.</summary>
    public string? CurrStatus { get; init; }

    public DateTimeOffset? CurrStatusTime { get; init; }

    /// <summary>The last version that was rolled out with success.</summary>
    public string? SuccessVersion { get; init; }

    public long? ObservedGeneration { get; init; }

    /// <summary>What the tag stands for, also while the resource is held (R7).</summary>
    public LatestVersion? Latest { get; init; }

    /// <summary>The rollout in progress, or the last one; intent stands here before the first patch (R10).</summary>
    public RolloutStatus? Rollout { get; init; }

    /// <summary>R10: rollouts that ended, but whose records could not be written yet; oldest first. Null for none.</summary>
    public IReadOnlyList<RolloutStatus>? Unrecorded { get; init; }

    /// <summary>Why records, or the version in a ConfigMap, could not be written yet; null where nothing waits to be written.</summary>
    public RecordProblem? NotRecorded { get; init; }

    /// <summary>What spec.config's ConfigMap was given last.</summary>
    public ConfigStatus? Config { get; init; }

    /// <summary>R6: digests that failed and are not rolled out again.</summary>
    public IReadOnlyList<QuarantinedDigest>? Quarantined { get; init; }

    public IReadOnlyList<Condition>? Conditions { get; init; }
}

/// <summary>Why something that is to be remembered could not be written. It is tried again.</summary>
/// <param name="Reason">The id of the error: one of <see cref="ErrorIds"/>.</param>
/// <param name="Message">The error and its remedy, for people.</param>
public sealed record RecordProblem(string Reason, string Message);

/// <summary>The values of <see cref="ContainerVersionStatus.CurrStatus"/>, as the original had them.</summary>
public static class CurrentStatus
{
    public const string Progressing = nameof(Progressing);
    public const string Success = nameof(Success);
    public const string Failed = nameof(Failed);
}

public sealed record LatestVersion
{
    public string Tag { get; init; } = "";

    public string Version { get; init; } = "";

    public string Digest { get; init; } = "";

    public DateTimeOffset SeenAt { get; init; }
}

/// <summary>One rollout: bringing one resource's workloads to one version, from intent to outcome.</summary>
public sealed record RolloutStatus
{
    public string Id { get; init; } = "";

    public string Version { get; init; } = "";

    public string Digest { get; init; } = "";

    /// <summary>See <see cref="RolloutPhase"/>.</summary>
    public string Phase { get; init; } = "";

    public DateTimeOffset StartedAt { get; init; }

    public DateTimeOffset? Deadline { get; init; }

    public IReadOnlyList<WorkloadRolloutStatus> Workloads { get; init; } = [];

    /// <summary>Images that the API server made of those it was asked for (an admission webhook did), in this rollout and those before it; null for none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<ImageRewrite>? Rewrites { get; init; }

    /// <summary>Null while it goes on.</summary>
    public DateTimeOffset? FinishedAt { get; init; }

    /// <summary>R3: how often the image was put there again because somebody had changed it back, in this rollout and those of its digest before it.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public int Repeats { get; init; }

    /// <summary>R8: the person who asked for this version; null where the tag did.</summary>
    public string? StartedBy { get; init; }

    /// <summary>Why that person asked for it.</summary>
    public string? StartedFor { get; init; }

    /// <summary>Why it failed.</summary>
    public string? Message { get; init; }

    /// <summary>R5: the gates, in the order in which they run; null where there are none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<GateStatus>? Gates { get; init; }

    /// <summary>How far a ServiceBlueGreen rollout is; null for another strategy.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public BlueGreenStatus? BlueGreen { get; init; }
}

/// <summary>One gate of one rollout.</summary>
public sealed record GateStatus
{
    /// <summary>See <see cref="GateStage"/>.</summary>
    public string Stage { get; init; } = "";

    public string Kind { get; init; } = "";

    /// <summary>What it runs, with its tag.</summary>
    public string Image { get; init; } = "";

    /// <summary>Pending, Progressing, Succeeded or Failed of <see cref="RolloutPhase"/>.</summary>
    public string Phase { get; init; } = RolloutPhase.Pending;

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public DateTimeOffset? StartedAt { get; init; }

    /// <summary>How it ended, with the last lines of its log; while it runs, the first cause of what keeps it from starting.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Message { get; init; }

    /// <summary>While it cannot start: the kubelet's or the scheduler's reason (ErrImagePull, Unschedulable), as it was first seen. Null otherwise.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Reason { get; init; }

    /// <summary>The pod that runs it; null for none yet.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public GatePodStatus? Pod { get; init; }
}

/// <summary>By what a gate's pod is known: whoever makes a pod of the same name has not made this one.</summary>
public sealed record GatePodStatus
{
    /// <summary>With a random part. It is in the status before the pod is created (R10).</summary>
    public string Name { get; init; } = "";

    /// <summary>Null until the API server has answered to its creation.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Uid { get; init; }

    /// <summary>The image in that answer: an admission webhook may have put another registry in front of it.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Image { get; init; }
}

/// <summary>When a gate runs.</summary>
public static class GateStage
{
    /// <summary>Before any workload is touched: <c>spec.container.verify</c>.</summary>
    public const string Container = nameof(Container);

    /// <summary>Before a cut-over: <c>spec.strategy.verify</c>.</summary>
    public const string Strategy = nameof(Strategy);

    /// <summary>After it: <c>spec.strategy.postVerify</c>.</summary>
    public const string PostStrategy = nameof(PostStrategy);
}

/// <summary>R13: how far a blue-green rollout is, and what it would have to go back to.</summary>
public sealed record BlueGreenStatus
{
    /// <summary>Kind/name of the workload that had the traffic when the rollout began.</summary>
    public string Live { get; init; } = "";

    /// <summary>Kind/name of the one that gets the version.</summary>
    public string Idle { get; init; } = "";

    /// <summary>The Service whose traffic moves, as the resource named it when the rollout began: a rollback gives that one back.</summary>
    public string Service { get; init; } = "";

    /// <summary>The labels by which it does.</summary>
    public IReadOnlyList<string> LabelNames { get; init; } = [];

    /// <summary>See <see cref="BlueGreenPhase"/>.</summary>
    public string Step { get; init; } = BlueGreenPhase.Prepare;

    /// <summary>What the idle workload was scaled to when the rollout began.</summary>
    public int IdleReplicas { get; init; }

    /// <summary>Null before the Service was pointed at the new colour.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public DateTimeOffset? CutOverAt { get; init; }
}

/// <summary>The steps of a blue-green rollout, in their order.</summary>
public static class BlueGreenPhase
{
    /// <summary>The idle workload gets the image, and at least one pod.</summary>
    public const string Prepare = nameof(Prepare);

    /// <summary>The verification Service points at it, and <c>strategy.verify</c> runs.</summary>
    public const string Verify = nameof(Verify);

    /// <summary>It gets as many pods as the live one has.</summary>
    public const string Scale = nameof(Scale);

    /// <summary>The Service is pointed at it.</summary>
    public const string CutOver = nameof(CutOver);

    /// <summary><c>strategy.postVerify</c> runs.</summary>
    public const string PostVerify = nameof(PostVerify);

    /// <summary>The old colour is scaled down, after a delay.</summary>
    public const string ScaleDown = nameof(ScaleDown);
}

/// <summary>A version that a key of a ConfigMap was given.</summary>
public sealed record ConfigStatus(string Name, string Key, string Version);

/// <summary>The phases of a rollout and of each workload in it.</summary>
public static class RolloutPhase
{
    /// <summary>Planned and written down; nothing is changed yet.</summary>
    public const string Pending = nameof(Pending);
    public const string Verifying = nameof(Verifying);
    public const string Progressing = nameof(Progressing);
    public const string RollingBack = nameof(RollingBack);
    public const string Succeeded = nameof(Succeeded);
    public const string Failed = nameof(Failed);
    public const string RolledBack = nameof(RolledBack);
    /// <summary>A newer version took its place before it ended.</summary>
    public const string Superseded = nameof(Superseded);

    /// <summary>Its ContainerVersion was deleted before it ended. In records alone: there is no status then.</summary>
    public const string Abandoned = nameof(Abandoned);

    /// <summary>True where nothing more will happen to it.</summary>
    public static bool IsFinal(string phase) => phase is Succeeded or Failed or RolledBack or Superseded or Abandoned;
}

public sealed record WorkloadRolloutStatus
{
    public string Kind { get; init; } = "";

    public string Name { get; init; } = "";

    public string FromImage { get; init; } = "";

    public string ToImage { get; init; } = "";

    public string Phase { get; init; } = "";

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Message { get; init; }

    /// <summary>What was there already when the image was patched, and so is no evidence about it.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public WorkloadBaseline? Baseline { get; init; }

    /// <summary>What first went wrong with the image's pods: later reports ("back-off") leave it out. Null for nothing yet.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public WorkloadTrouble? Trouble { get; init; }

    /// <summary>What it waits for that is not the version's doing, one of <see cref="ConditionReasons"/>; null for nothing.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? BlockedBy { get; init; }

    /// <summary>Since when; null while nothing blocks it.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public DateTimeOffset? BlockedSince { get; init; }

    /// <summary>How long it was blocked before that: this much later than the rollout's deadline is its own.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public int BlockedSeconds { get; init; }

    /// <summary>The pod that is replaced by us, written here before it is; null where none was.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public PodReplacementStatus? Replacement { get; init; }
}

/// <summary>An image that something in the API server replaced by another one when it was asked for.</summary>
public sealed record ImageRewrite(string Kind, string Name, string Asked, string Answered);

/// <summary>What a workload said before its image was changed.</summary>
public sealed record WorkloadBaseline
{
    /// <summary>When its progress deadline had been exceeded (lastUpdateTime of that condition); null where it had not.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? DeadlineExceeded { get; init; }

    /// <summary>Of a Pod: the restarts of the container until then.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public int Restarts { get; init; }

    /// <summary>Of a Pod: what the container ran until then (imageID).</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? ImageId { get; init; }
}

/// <summary>What went wrong with a version's pods, as it was first seen.</summary>
public sealed record WorkloadTrouble(string Kind, string Message);

/// <summary>One pod that is replaced at a time, and what is known of those that were.</summary>
public sealed record PodReplacementStatus
{
    /// <summary>Name of the pod; null where the last one has been replaced.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Pod { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Uid { get; init; }

    /// <summary>UID of the workload that the pod belongs to.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Owner { get; init; }

    /// <summary>The image of its container.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Image { get; init; }

    /// <summary>How many pods ran the version before it went: one more has to, before the next one goes.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public int Updated { get; init; }

    /// <summary>How many pods there were before it went.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public int Pods { get; init; }

    /// <summary>The image that new pods have instead of the template's; null where it is the template's.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? PodImage { get; init; }
}

public sealed record QuarantinedDigest
{
    public string Digest { get; init; } = "";

    public string Version { get; init; } = "";

    public string Reason { get; init; } = "";

    public DateTimeOffset At { get; init; }
}

/// <summary>metav1.Condition, as kstatus reads it.</summary>
public sealed record Condition
{
    public string Type { get; init; } = "";

    /// <summary>True, False or Unknown.</summary>
    public string Status { get; init; } = "";

    public long? ObservedGeneration { get; init; }

    public DateTimeOffset LastTransitionTime { get; init; }

    public string Reason { get; init; } = "";

    public string Message { get; init; } = "";
}
