using CvManager.Resources;
using Resource = CvManager.Resources.ContainerVersion;

namespace CvManager.PowerShell;

/// <summary>A ContainerVersion: the output of Get-ContainerVersion.</summary>
public sealed class ContainerVersionInfo : IContainerVersionReference
{
    public string Namespace { get; init; } = "";

    public string Name { get; init; } = "";

    /// <summary>Registry and repository, without tag.</summary>
    public string ImageRepo { get; init; } = "";

    /// <summary>The tag that the ContainerVersion follows.</summary>
    public string Tag { get; init; } = "";

    /// <summary>The version of the current or last rollout; null before the first.</summary>
    public string? Version { get; init; }

    /// <summary>Progressing, Success or Failed; null before the first rollout.</summary>
    public string? Status { get; init; }

    /// <summary>When <see cref="Status"/> last changed.</summary>
    public DateTime? StatusTime { get; init; }

    /// <summary>The last version that was rolled out successfully.</summary>
    public string? SuccessVersion { get; init; }

    /// <summary>The condition Ready; null until the controller reports it.</summary>
    public bool? Ready { get; init; }

    /// <summary>The reason of the deciding condition.</summary>
    public string? Reason { get; init; }

    /// <summary>The message of the deciding condition.</summary>
    public string? Message { get; init; }

    /// <summary>The reason why the history or the version ConfigMap could not be written yet; null if nothing is pending.</summary>
    public string? NotRecordedReason { get; init; }

    /// <summary>The message for <see cref="NotRecordedReason"/>.</summary>
    public string? NotRecordedMessage { get; init; }

    /// <summary>The version that the tag pointed at when it was last read.</summary>
    public string? LatestVersion { get; init; }

    public string? LatestDigest { get; init; }

    /// <summary>The name of the container to update.</summary>
    public string Container { get; init; } = "";

    /// <summary>The labels that select the workloads.</summary>
    public Labels Selector { get; init; } = PowerShell.Labels.Of(null);

    /// <summary>Rolling or ServiceBlueGreen.</summary>
    public string Strategy { get; init; } = "";

    /// <summary>Gates that run before any workload is changed.</summary>
    public Listed<CvGate> Verify { get; init; } = [];

    /// <summary>Gates that run before the cut-over (ServiceBlueGreen).</summary>
    public Listed<CvGate> VerifyBeforeCutOver { get; init; } = [];

    /// <summary>Gates that run after the cut-over.</summary>
    public Listed<CvGate> VerifyAfterCutOver { get; init; } = [];

    /// <summary>The Service to cut over (ServiceBlueGreen); null for Rolling.</summary>
    public string? ServiceName { get; init; }

    /// <summary>How often the tag is read: text such as 5m.</summary>
    public string PollInterval { get; init; } = "";

    /// <summary>The maximum duration of a rollout: text such as 15m.</summary>
    public string RolloutTimeout { get; init; } = "";

    /// <summary>Whether a failed rollout is rolled back.</summary>
    public bool Rollback { get; init; }

    /// <summary>True if nothing is rolled out until the ContainerVersion is resumed.</summary>
    public bool Suspended { get; init; }

    /// <summary>The pinned version; null if the ContainerVersion follows its tag.</summary>
    public string? PinVersion { get; init; }

    /// <summary>Who suspended or pinned it; null if it is not held, or if this is unknown.</summary>
    public string? HeldBy { get; init; }

    /// <summary>Why it was suspended or pinned.</summary>
    public string? HoldReason { get; init; }

    public DateTime? Created { get; init; }

    public Labels Labels { get; init; } = PowerShell.Labels.Of(null);

    public override string ToString() => $"{Namespace}/{Name}";

    internal static ContainerVersionInfo Of(Resource resource)
    {
        var status = resource.Status;
        var conditions = status?.Conditions ?? [];
        // While Stalled or Reconciling is true, its reason is more specific than that of Ready.
        var deciding =
            conditions.FirstOrDefault(c => c.Type is ConditionTypes.Stalled or ConditionTypes.Reconciling && c.Status == "True")
            ?? conditions.FirstOrDefault(c => c.Type == ConditionTypes.Ready);
        return new ContainerVersionInfo
        {
            Namespace = resource.Metadata.Namespace ?? "",
            Name = resource.Metadata.Name,
            ImageRepo = resource.Spec.ImageRepo,
            Tag = resource.Followed.ToString(),
            Version = status?.CurrVersion,
            Status = status?.CurrStatus,
            StatusTime = status?.CurrStatusTime?.LocalDateTime,
            SuccessVersion = status?.SuccessVersion,
            Ready = conditions.FirstOrDefault(c => c.Type == ConditionTypes.Ready)?.Status switch
            {
                "True" => true,
                "False" => false,
                _ => null,
            },
            Reason = deciding?.Reason,
            Message = deciding?.Message,
            NotRecordedReason = status?.NotRecorded?.Reason,
            NotRecordedMessage = status?.NotRecorded?.Message,
            LatestVersion = status?.Latest?.Version,
            LatestDigest = status?.Latest?.Digest,
            Container = resource.Spec.Container.Name,
            Selector = PowerShell.Labels.Of(resource.Spec.Selector),
            Strategy = resource.Spec.Strategy.Kind,
            Verify = CvGate.Of(resource.Spec.Container.Verify),
            VerifyBeforeCutOver = CvGate.Of(resource.Spec.Strategy.Verify),
            VerifyAfterCutOver = CvGate.Of(resource.Spec.Strategy.PostVerify),
            ServiceName = resource.Spec.Strategy.BlueGreen?.ServiceName,
            PollInterval = DurationText.Of(TimeSpan.FromSeconds(resource.Spec.PollIntervalSeconds)),
            RolloutTimeout = DurationText.Of(TimeSpan.FromSeconds(resource.Spec.TimeoutSeconds)),
            Rollback = resource.Spec.Rollback.Enabled,
            Suspended = resource.Spec.Suspend,
            PinVersion = resource.Spec.PinVersion.Length > 0 ? resource.Spec.PinVersion : null,
            HeldBy = Hold.Of(resource)?.By,
            HoldReason = Hold.Of(resource)?.Reason,
            Created = resource.Metadata.CreationTimestamp?.LocalDateTime,
            Labels = PowerShell.Labels.Of(resource.Metadata.Labels),
        };
    }
}
