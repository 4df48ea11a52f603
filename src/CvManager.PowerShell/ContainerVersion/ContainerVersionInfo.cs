using System.Management.Automation;
using System.Text.Json.Nodes;
using CvManager.Resources;
using Resource = CvManager.Resources.ContainerVersion;

namespace CvManager.PowerShell;

/// <summary>A ContainerVersion: the output of Get-ContainerVersion.</summary>
public sealed class ContainerVersionInfo
{
    private readonly Resource? _resource;
    private PSObject? _spec;

    public string Namespace { get; init; } = "";

    public string Name { get; init; } = "";

    /// <summary>Registry and repository, without tag.</summary>
    public string ImageRepo { get; init; } = "";

    /// <summary>What the ContainerVersion follows: its tag, or its policy such as <c>semver:^1.4</c>.</summary>
    public string Follows { get; init; } = "";

    /// <summary>The tag that the ContainerVersion follows; null if it follows a policy.</summary>
    public string? Tag { get; init; }

    /// <summary>The range of semantic versions that the ContainerVersion follows, or null.</summary>
    public string? SemVer { get; init; }

    /// <summary>The regular expression of the versions that the ContainerVersion follows, or null.</summary>
    public string? VersionPattern { get; init; }

    /// <summary>How the tags that match <see cref="VersionPattern"/> are compared: Numeric or Alphabetical; null without a pattern.</summary>
    public string? VersionOrder { get; init; }

    /// <summary>True if the ContainerVersion follows the newest version.</summary>
    public bool Newest { get; init; }

    /// <summary>A regular expression that a whole tag must match to be a version; null for the default.</summary>
    public string? VersionSyntax { get; init; }

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

    /// <summary>A Service that points at the idle workload while gates run; null for none.</summary>
    public string? VerificationServiceName { get; init; }

    /// <summary>The labels that distinguish the two workloads (ServiceBlueGreen).</summary>
    public Listed<string> LabelName { get; init; } = [];

    /// <summary>Whether the previous workload is scaled to zero after the cut-over; null for Rolling.</summary>
    public bool? ScaleDown { get; init; }

    /// <summary>The delay between the cut-over and scaling down, such as <c>30s</c>; null for Rolling.</summary>
    public string? ScaleDownDelay { get; init; }

    /// <summary>How often the tag is read, such as <c>5m</c>.</summary>
    public string PollInterval { get; init; } = "";

    /// <summary>The maximum duration of a rollout, such as <c>15m</c>.</summary>
    public string RolloutTimeout { get; init; } = "";

    /// <summary>Reported as unhealthy if not reconciled for this long, such as <c>5m</c>.</summary>
    public string LivenessTimeout { get; init; } = "";

    /// <summary>Whether a failed rollout is rolled back.</summary>
    public bool Rollback { get; init; }

    /// <summary>Whether pods that cannot pull their image, or that crash repeatedly, fail a rollout before its deadline.</summary>
    public bool FailFast { get; init; }

    /// <summary>Whether images are written with a digest.</summary>
    public bool PinDigest { get; init; }

    /// <summary>The ConfigMap that receives the version; null for none.</summary>
    public string? ConfigName { get; init; }

    /// <summary>The key in that ConfigMap; null for none.</summary>
    public string? ConfigKey { get; init; }

    /// <summary>Whether rollouts are recorded.</summary>
    public bool History { get; init; }

    /// <summary>The history is in the ConfigMap &lt;name&gt;.history; null for the name of each workload.</summary>
    public string? HistoryName { get; init; }

    /// <summary>Names of Secrets with credentials for the registry.</summary>
    public Listed<string> ImagePullSecret { get; init; } = [];

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

    /// <summary>The whole specification, with the fields of a manifest, including defaults. Null without a resource.</summary>
    public PSObject? Spec =>
        _resource is null ? null : _spec ??= SpecificationObject.Of((JsonObject)ContainerVersionManifest.Write(_resource)["spec"]!);

    public override string ToString() => $"{Namespace}/{Name}";

    public ContainerVersionInfo() { }

    private ContainerVersionInfo(Resource resource) => _resource = resource;

    internal static ContainerVersionInfo Of(Resource resource)
    {
        var status = resource.Status;
        var conditions = status?.Conditions ?? [];
        // While Stalled or Reconciling is true, its reason is more specific than that of Ready.
        var deciding = ConditionList.Deciding(conditions);
        var spec = resource.Spec;
        var blueGreen = spec.Strategy.BlueGreen;
        var hold = Hold.Of(resource);
        return new ContainerVersionInfo(resource)
        {
            Namespace = resource.Metadata.Namespace ?? "",
            Name = resource.Metadata.Name,
            ImageRepo = spec.ImageRepo,
            Follows = resource.Followed.ToString(),
            Tag = spec.Tag,
            SemVer = spec.VersionPolicy?.Semver,
            VersionPattern = spec.VersionPolicy?.Regex,
            VersionOrder =
                spec.VersionPolicy?.Regex is null ? null
                : spec.VersionPolicy.Order == VersionPolicySpec.Alphabetical ? nameof(PowerShell.VersionOrder.Alphabetical)
                : nameof(PowerShell.VersionOrder.Numeric),
            Newest = spec.VersionPolicy?.Newest == true,
            VersionSyntax = spec.VersionSyntax,
            Version = status?.CurrVersion,
            Status = status?.CurrStatus,
            StatusTime = status?.CurrStatusTime?.LocalDateTime,
            SuccessVersion = status?.SuccessVersion,
            Ready = ConditionList.Find(conditions, ConditionTypes.Ready)?.Status switch
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
            Container = spec.Container.Name,
            Selector = PowerShell.Labels.Of(spec.Selector),
            Strategy = spec.Strategy.Kind,
            Verify = CvGate.Of(spec.Container.Verify),
            VerifyBeforeCutOver = CvGate.Of(spec.Strategy.Verify),
            VerifyAfterCutOver = CvGate.Of(spec.Strategy.PostVerify),
            ServiceName = blueGreen?.ServiceName,
            VerificationServiceName = NullIfEmpty(blueGreen?.VerificationServiceName),
            LabelName = [.. blueGreen?.LabelNames ?? []],
            ScaleDown = blueGreen?.ScaleDown,
            ScaleDownDelay = blueGreen is null ? null : DurationText.OfSeconds(blueGreen.ScaleDownDelaySeconds),
            PollInterval = DurationText.OfSeconds(spec.PollIntervalSeconds),
            RolloutTimeout = DurationText.OfSeconds(spec.TimeoutSeconds),
            LivenessTimeout = DurationText.OfSeconds(spec.LivenessSeconds),
            Rollback = spec.Rollback.Enabled,
            FailFast = spec.Rollback.FailFast,
            PinDigest = spec.PinDigest,
            ConfigName = spec.Config?.Name,
            ConfigKey = spec.Config?.Key,
            History = spec.History.Enabled,
            HistoryName = NullIfEmpty(spec.History.Name),
            ImagePullSecret = [.. spec.ImagePullSecrets],
            Suspended = spec.Suspend,
            PinVersion = NullIfEmpty(spec.PinVersion),
            HeldBy = hold?.By,
            HoldReason = hold?.Reason,
            Created = resource.Metadata.CreationTimestamp?.LocalDateTime,
            Labels = PowerShell.Labels.Of(resource.Metadata.Labels),
        };
    }

    private static string? NullIfEmpty(string? text) => string.IsNullOrEmpty(text) ? null : text;
}
