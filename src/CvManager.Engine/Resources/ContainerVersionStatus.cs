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

    /// <summary>R6: digests that failed and are not rolled out again.</summary>
    public IReadOnlyList<QuarantinedDigest>? Quarantined { get; init; }

    public IReadOnlyList<Condition>? Conditions { get; init; }
}

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

    /// <summary>Null while it goes on.</summary>
    public DateTimeOffset? FinishedAt { get; init; }

    /// <summary>R3: how many rollouts of this digest were needed because somebody changed the image back; 0 for none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public int Repeats { get; init; }

    /// <summary>Why it failed.</summary>
    public string? Message { get; init; }
}

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

    /// <summary>True where nothing more will happen to it.</summary>
    public static bool IsFinal(string phase) => phase is Succeeded or Failed or RolledBack or Superseded;
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
