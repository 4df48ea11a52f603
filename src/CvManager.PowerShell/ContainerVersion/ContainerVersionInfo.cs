using CvManager.Resources;
using Resource = CvManager.Resources.ContainerVersion;

namespace CvManager.PowerShell;

/// <summary>A ContainerVersion, as Get-ContainerVersion shows it.</summary>
public sealed record ContainerVersionInfo : IContainerVersionReference
{
    public string Namespace { get; init; } = "";

    public string Name { get; init; } = "";

    /// <summary>Registry and repository, without tag.</summary>
    public string ImageRepo { get; init; } = "";

    /// <summary>The moving tag that is followed.</summary>
    public string Tag { get; init; } = "";

    /// <summary>The version that was rolled out last, or is being rolled out; null before the first.</summary>
    public string? Version { get; init; }

    /// <summary>Progressing, Success or Failed; null before the first rollout.</summary>
    public string? Status { get; init; }

    /// <summary>When <see cref="Status"/> became what it is.</summary>
    public DateTimeOffset? StatusTime { get; init; }

    /// <summary>The last version that was rolled out with success.</summary>
    public string? SuccessVersion { get; init; }

    /// <summary>Null while the controller has not said.</summary>
    public bool? Ready { get; init; }

    /// <summary>Why it is ready or not, in one word.</summary>
    public string? Reason { get; init; }

    /// <summary>The same in a sentence.</summary>
    public string? Message { get; init; }

    /// <summary>Why its history, or the version in its ConfigMap, could not be written yet, in one word; null where nothing waits to be written.</summary>
    public string? NotRecordedReason { get; init; }

    /// <summary>The same in a sentence.</summary>
    public string? NotRecordedMessage { get; init; }

    /// <summary>The version that the tag stood for when it was last looked at.</summary>
    public string? LatestVersion { get; init; }

    public string? LatestDigest { get; init; }

    /// <summary>The container that gets the version.</summary>
    public string Container { get; init; } = "";

    /// <summary>Labels of the workloads.</summary>
    public IReadOnlyDictionary<string, string> Selector { get; init; } = new Dictionary<string, string>();

    /// <summary>Rolling or ServiceBlueGreen.</summary>
    public string Strategy { get; init; } = "";

    /// <summary>Gates before any workload is touched.</summary>
    public IReadOnlyList<CvGate> Verify { get; init; } = [];

    /// <summary>Gates before the cut-over of a ServiceBlueGreen.</summary>
    public IReadOnlyList<CvGate> VerifyBeforeCutOver { get; init; } = [];

    /// <summary>Gates after it.</summary>
    public IReadOnlyList<CvGate> VerifyAfterCutOver { get; init; } = [];

    /// <summary>The Service that a ServiceBlueGreen cuts over; null for Rolling.</summary>
    public string? ServiceName { get; init; }

    /// <summary>How often the tag is looked at.</summary>
    public TimeSpan PollInterval { get; init; }

    /// <summary>The longest that one rollout may take.</summary>
    public TimeSpan RolloutTimeout { get; init; }

    /// <summary>Whether a rollout that fails is put back.</summary>
    public bool Rollback { get; init; }

    /// <summary>True where nothing is rolled out until somebody resumes it.</summary>
    public bool Suspended { get; init; }

    /// <summary>The version that it is held on; null where it follows the tag.</summary>
    public string? PinVersion { get; init; }

    /// <summary>Who suspended or pinned it; null where nothing holds it, or nobody said.</summary>
    public string? HeldBy { get; init; }

    /// <summary>Why it is suspended or pinned.</summary>
    public string? HoldReason { get; init; }

    public DateTimeOffset? Created { get; init; }

    public IReadOnlyDictionary<string, string> Labels { get; init; } = new Dictionary<string, string>();

    public override string ToString() => $"{Namespace}/{Name}";

    internal static ContainerVersionInfo Of(Resource resource)
    {
        var status = resource.Status;
        var conditions = status?.Conditions ?? [];
        // Stalled and Reconciling say more than Ready does, while they are true.
        var telling = conditions.FirstOrDefault(c => c.Type is ConditionTypes.Stalled or ConditionTypes.Reconciling && c.Status == "True")
            ?? conditions.FirstOrDefault(c => c.Type == ConditionTypes.Ready);
        return new ContainerVersionInfo
        {
            Namespace = resource.Metadata.Namespace ?? "",
            Name = resource.Metadata.Name,
            ImageRepo = resource.Spec.ImageRepo,
            Tag = resource.Spec.Follows,
            Version = status?.CurrVersion,
            Status = status?.CurrStatus,
            StatusTime = status?.CurrStatusTime,
            SuccessVersion = status?.SuccessVersion,
            Ready = conditions.FirstOrDefault(c => c.Type == ConditionTypes.Ready)?.Status switch
            {
                "True" => true,
                "False" => false,
                _ => null,
            },
            Reason = telling?.Reason,
            Message = telling?.Message,
            NotRecordedReason = status?.NotRecorded?.Reason,
            NotRecordedMessage = status?.NotRecorded?.Message,
            LatestVersion = status?.Latest?.Version,
            LatestDigest = status?.Latest?.Digest,
            Container = resource.Spec.Container.Name,
            Selector = resource.Spec.Selector,
            Strategy = resource.Spec.Strategy.Kind,
            Verify = CvGate.Of(resource.Spec.Container.Verify),
            VerifyBeforeCutOver = CvGate.Of(resource.Spec.Strategy.Verify),
            VerifyAfterCutOver = CvGate.Of(resource.Spec.Strategy.PostVerify),
            ServiceName = resource.Spec.Strategy.BlueGreen?.ServiceName,
            PollInterval = TimeSpan.FromSeconds(resource.Spec.PollIntervalSeconds),
            RolloutTimeout = TimeSpan.FromSeconds(resource.Spec.TimeoutSeconds),
            Rollback = resource.Spec.Rollback.Enabled,
            Suspended = resource.Spec.Suspend,
            PinVersion = resource.Spec.PinVersion.Length > 0 ? resource.Spec.PinVersion : null,
            HeldBy = Hold.Of(resource)?.By,
            HoldReason = Hold.Of(resource)?.Reason,
            Created = resource.Metadata.CreationTimestamp,
            Labels = resource.Metadata.Labels ?? new Dictionary<string, string>(),
        };
    }
}
