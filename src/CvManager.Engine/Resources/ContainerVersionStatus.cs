using System.Text.Json.Serialization;

namespace CvManager.Resources;

/// <summary>The observed state. A subresource that only the controller writes.</summary>
public sealed record ContainerVersionStatus
{
    public string? CurrVersion { get; init; }

    /// <summary>See <see cref="CurrentStatus"/>.</summary>
    public string? CurrStatus { get; init; }

    public DateTimeOffset? CurrStatusTime { get; init; }

    /// <summary>The last version that was rolled out successfully.</summary>
    public string? SuccessVersion { get; init; }

    public long? ObservedGeneration { get; init; }

    /// <summary>The version of the tag, also while the resource is suspended or pinned (R7).</summary>
    public LatestVersion? Latest { get; init; }

    /// <summary>The current or last rollout; recorded as intent before the first patch (R10).</summary>
    public RolloutStatus? Rollout { get; init; }

    /// <summary>R10: finished rollouts whose records could not be written yet, oldest first. Null for none.</summary>
    public IReadOnlyList<RolloutStatus>? Unrecorded { get; init; }

    /// <summary>Why records, or the version in a ConfigMap, could not be written yet; null if nothing is pending.</summary>
    public RecordProblem? NotRecorded { get; init; }

    /// <summary>What was last written to the ConfigMap of spec.config.</summary>
    public ConfigStatus? Config { get; init; }

    /// <summary>R6: digests that failed and are not rolled out again.</summary>
    public IReadOnlyList<QuarantinedDigest>? Quarantined { get; init; }

    public IReadOnlyList<Condition>? Conditions { get; init; }
}

/// <summary>Why a record could not be written. Retried.</summary>
/// <param name="Reason">The id of the error: one of <see cref="ErrorIds"/>.</param>
/// <param name="Message">The error and its remedy.</param>
public sealed record RecordProblem(string Reason, string Message);

/// <summary>The values of <see cref="ContainerVersionStatus.CurrStatus"/>, compatible with existing clients.</summary>
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

/// <summary>A rollout of one version to the workloads of a resource, from intent to outcome.</summary>
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

    /// <summary>Images that the cluster rewrote (an admission webhook), in this rollout and earlier ones; null for none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<ImageRewrite>? Rewrites { get; init; }

    /// <summary>Null while the rollout is in progress.</summary>
    public DateTimeOffset? FinishedAt { get; init; }

    /// <summary>
    /// R3: how often the image was set again after another client reverted it, in this and earlier rollouts of the digest.
    /// </summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public int Repeats { get; init; }

    /// <summary>R8: the person who requested this version; null if it came from the tag.</summary>
    public string? StartedBy { get; init; }

    /// <summary>The reason that the person specified.</summary>
    public string? StartedFor { get; init; }

    /// <summary>Why it failed.</summary>
    public string? Message { get; init; }

    /// <summary>R5: the gates in execution order; null for none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<GateStatus>? Gates { get; init; }

    /// <summary>The state of a ServiceBlueGreen rollout; null for other strategies.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public BlueGreenStatus? BlueGreen { get; init; }
}

/// <summary>One gate of one rollout.</summary>
public sealed record GateStatus
{
    /// <summary>See <see cref="GateStage"/>.</summary>
    public string Stage { get; init; } = "";

    public string Kind { get; init; } = "";

    /// <summary>The image that the gate runs, with its tag.</summary>
    public string Image { get; init; } = "";

    /// <summary>Pending, Progressing, Succeeded or Failed of <see cref="RolloutPhase"/>.</summary>
    public string Phase { get; init; } = RolloutPhase.Pending;

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public DateTimeOffset? StartedAt { get; init; }

    /// <summary>
    /// The outcome with the last lines of the log; before the container starts, the first cause that prevents it from starting.
    /// </summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Message { get; init; }

    /// <summary>
    /// While it cannot start: the first reason of the kubelet or scheduler (ErrImagePull, Unschedulable). Null otherwise.
    /// </summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Reason { get; init; }

    /// <summary>The pod of the gate; null before it is created.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public GatePodStatus? Pod { get; init; }
}

/// <summary>Identifies the pod of a gate, so that another pod of the same name is not mistaken for it.</summary>
public sealed record GatePodStatus
{
    /// <summary>With a random part; recorded in the status before the pod is created (R10).</summary>
    public string Name { get; init; } = "";

    /// <summary>Null until the API server has confirmed the creation.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Uid { get; init; }

    /// <summary>The image of the created pod: an admission webhook may have changed its registry.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Image { get; init; }
}

/// <summary>When a gate runs.</summary>
public static class GateStage
{
    /// <summary>Before any workload is changed: <c>spec.container.verify</c>.</summary>
    public const string Container = nameof(Container);

    /// <summary>Before the cut-over: <c>spec.strategy.verify</c>.</summary>
    public const string Strategy = nameof(Strategy);

    /// <summary>After the cut-over: <c>spec.strategy.postVerify</c>.</summary>
    public const string PostStrategy = nameof(PostStrategy);
}

/// <summary>R13: the progress of a blue-green rollout, and the state to roll back to.</summary>
public sealed record BlueGreenStatus
{
    /// <summary>Kind/name of the workload that received the traffic when the rollout started.</summary>
    public string Live { get; init; } = "";

    /// <summary>Kind/name of the workload that is updated.</summary>
    public string Idle { get; init; } = "";

    /// <summary>The Service that is switched, from the spec when the rollout started; a rollback restores its selector.</summary>
    public string Service { get; init; } = "";

    /// <summary>The labels that distinguish the workloads, from the spec when the rollout started.</summary>
    public IReadOnlyList<string> LabelNames { get; init; } = [];

    /// <summary>See <see cref="BlueGreenPhase"/>.</summary>
    public string Step { get; init; } = BlueGreenPhase.Prepare;

    /// <summary>The replicas of the idle workload when the rollout started.</summary>
    public int IdleReplicas { get; init; }

    /// <summary>When the Service was switched; null before.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public DateTimeOffset? CutOverAt { get; init; }
}

/// <summary>The steps of a blue-green rollout in order.</summary>
public static class BlueGreenPhase
{
    /// <summary>The image of the idle workload is updated, and it is scaled to at least one pod.</summary>
    public const string Prepare = nameof(Prepare);

    /// <summary>The verification Service selects the idle workload, and <c>strategy.verify</c> runs.</summary>
    public const string Verify = nameof(Verify);

    /// <summary>The idle workload is scaled to the replicas of the live one.</summary>
    public const string Scale = nameof(Scale);

    /// <summary>The Service is switched to it.</summary>
    public const string CutOver = nameof(CutOver);

    /// <summary><c>strategy.postVerify</c> runs.</summary>
    public const string PostVerify = nameof(PostVerify);

    /// <summary>The former live workload is scaled down after a delay.</summary>
    public const string ScaleDown = nameof(ScaleDown);
}

/// <summary>A version that was written to a key of a ConfigMap.</summary>
public sealed record ConfigStatus(string Name, string Key, string Version);

/// <summary>The phases of a rollout and of each workload in it.</summary>
public static class RolloutPhase
{
    /// <summary>Planned and recorded; nothing has been changed.</summary>
    public const string Pending = nameof(Pending);
    public const string Verifying = nameof(Verifying);
    public const string Progressing = nameof(Progressing);
    public const string RollingBack = nameof(RollingBack);
    public const string Succeeded = nameof(Succeeded);
    public const string Failed = nameof(Failed);
    public const string RolledBack = nameof(RolledBack);

    /// <summary>Replaced by a newer version before it finished.</summary>
    public const string Superseded = nameof(Superseded);

    /// <summary>The ContainerVersion was deleted before it finished. Only in records.</summary>
    public const string Abandoned = nameof(Abandoned);

    /// <summary>True if the rollout has finished.</summary>
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

    /// <summary>The state before the patch, which must not be attributed to the new image.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public WorkloadBaseline? Baseline { get; init; }

    /// <summary>The first problem of the pods, which later reports ("back-off") no longer contain. Null for none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public WorkloadTrouble? Trouble { get; init; }

    /// <summary>What blocks the workload and is not caused by the version, one of <see cref="ConditionReasons"/>; null for none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? BlockedBy { get; init; }

    /// <summary>Since when it is blocked; null if not blocked.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public DateTimeOffset? BlockedSince { get; init; }

    /// <summary>How long it was blocked before, in seconds; extends the rollout's deadline for this workload.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public int BlockedSeconds { get; init; }

    /// <summary>The pod being replaced, recorded before its deletion; null for none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public PodReplacementStatus? Replacement { get; init; }
}

/// <summary>An image that the cluster rewrote: the requested image and the resulting one.</summary>
public sealed record ImageRewrite(string Kind, string Name, string Asked, string Answered);

/// <summary>The state of a workload before its image was changed.</summary>
public sealed record WorkloadBaseline
{
    /// <summary>When its progress deadline was exceeded (lastUpdateTime of that condition); null if it was not.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? DeadlineExceeded { get; init; }

    /// <summary>For a Pod: the restart count of the container.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public int Restarts { get; init; }

    /// <summary>For a Pod: the imageID of the container.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? ImageId { get; init; }
}

/// <summary>The first observed problem of the pods.</summary>
public sealed record WorkloadTrouble(string Kind, string Message);

/// <summary>The replacement of pods, one at a time.</summary>
public sealed record PodReplacementStatus
{
    /// <summary>Name of the pod being replaced; null if none is.</summary>
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

    /// <summary>The number of updated pods before the deletion: one more must be updated before the next deletion.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public int Updated { get; init; }

    /// <summary>The number of pods before the deletion.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public int Pods { get; init; }

    /// <summary>The image of new pods if it differs from that of the template; otherwise null.</summary>
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
