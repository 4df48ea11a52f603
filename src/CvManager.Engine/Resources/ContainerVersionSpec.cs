using System.Text.Json.Serialization;

namespace CvManager.Resources;

/// <summary>The desired state. Defaults are those of the CRD schema, so that objects from before a default are read the same way.</summary>
public sealed record ContainerVersionSpec
{
    /// <summary>Registry and repository, without tag or digest; a port is allowed.</summary>
    public string ImageRepo { get; init; } = "";

    /// <summary>The moving tag to follow; null if <see cref="VersionPolicy"/> is set.</summary>
    public string? Tag { get; init; }

    /// <summary>Selects a version tag, as an alternative to an environment tag. Null if <see cref="Tag"/> is set.</summary>
    public VersionPolicySpec? VersionPolicy { get; init; }

    /// <summary>
    /// A regular expression that version tags must match completely. Null for the default: git SHAs and full version numbers are versions,
    /// and an image without one is identified by its digest (R1).
    /// </summary>
    public string? VersionSyntax { get; init; }

    /// <summary>Seconds, 5 to 86400.</summary>
    public int PollIntervalSeconds { get; init; } = 300;

    /// <summary>The timeout of a rollout in seconds, 1 to 86400.</summary>
    public int TimeoutSeconds { get; init; } = 900;

    /// <summary>Seconds, 1 to 604800: reported unhealthy when not reconciled for this long.</summary>
    public int LivenessSeconds { get; init; } = 300;

    /// <summary>Labels of the workloads; all must match, and <c>cvapp</c> is required.</summary>
    public IReadOnlyDictionary<string, string> Selector { get; init; } = new Dictionary<string, string>();

    public ContainerSpec Container { get; init; } = new();

    public StrategySpec Strategy { get; init; } = new();

    public RollbackSpec Rollback { get; init; } = new();

    public HistorySpec History { get; init; } = new();

    public ConfigSpec? Config { get; init; }

    /// <summary>R7: if true, nothing is rolled out.</summary>
    public bool Suspend { get; init; }

    /// <summary>R7: the version to stay on regardless of the tag; empty for none.</summary>
    public string PinVersion { get; init; } = "";

    /// <summary>Whether images are written as <c>repo:version@digest</c> instead of <c>repo:version</c>.</summary>
    public bool PinDigest { get; init; } = true;

    /// <summary>Names of secrets with registry credentials, in addition to the pull secrets of the workloads.</summary>
    public IReadOnlyList<string> ImagePullSecrets { get; init; } = [];
}

/// <summary>Selects a version tag: exactly one of the three.</summary>
public sealed record VersionPolicySpec
{
    public const string Numeric = "numeric";
    public const string Alphabetical = "alphabetical";

    /// <summary>The highest semantic version in an npm version range: <c>&gt;=1.2 &lt;2</c>, <c>^1.4</c>, <c>~2.1</c>.</summary>
    public string? Semver { get; init; }

    /// <summary>
    /// The greatest tag that matches completely, compared by the first capturing group (or the complete tag, if there is no group).
    /// </summary>
    public string? Regex { get; init; }

    /// <summary>How <see cref="Regex"/> compares: <c>numeric</c> (default) or <c>alphabetical</c>.</summary>
    public string? Order { get; init; }

    /// <summary>
    /// The most recently pushed image whose tag matches versionSyntax; if the registry does not report push times, the most recently built.
    /// </summary>
    public bool? Newest { get; init; }
}

/// <summary>The container or init container of the pod template whose image is updated.</summary>
public sealed record ContainerSpec
{
    public string Name { get; init; } = "";

    /// <summary>R5: gates that run in order before any workload is changed.</summary>
    public IReadOnlyList<VerifySpec> Verify { get; init; } = [];
}

/// <summary>R5: one gate.</summary>
public sealed record VerifySpec
{
    /// <summary><c>Image</c>: a pod of that image, whose exit code 0 passes.</summary>
    public string Kind { get; init; } = "Image";

    /// <summary>Repository of the image, without tag.</summary>
    public string Image { get; init; } = "";

    public string Tag { get; init; } = "";

    /// <summary>Seconds from the start of its pod, 1 to 86400.</summary>
    public int TimeoutSeconds { get; init; } = 600;

    /// <summary>The service account of the pod, with its token; null for the namespace's default service account without a token.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? ServiceAccountName { get; init; }

    /// <summary>The user ID of the container; null for the user of the image, which must not be root; 0 for root.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public long? RunAsUser { get; init; }

    /// <summary>The resources of the container; null for the namespace's defaults (LimitRange), if any.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public GateResourcesSpec? Resources { get; init; }
}

/// <summary>The resources of a gate's container, as in a pod: quantities by resource name.</summary>
public sealed record GateResourcesSpec
{
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyDictionary<string, string>? Limits { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyDictionary<string, string>? Requests { get; init; }
}

/// <summary>How workloads are updated.</summary>
public sealed record StrategySpec
{
    public const string Rolling = "Rolling";
    public const string ServiceBlueGreen = "ServiceBlueGreen";

    public string Kind { get; init; } = Rolling;

    /// <summary>Required for <see cref="ServiceBlueGreen"/>, ignored otherwise.</summary>
    public BlueGreenSpec? BlueGreen { get; init; }

    /// <summary>R5: gates that run before the cut-over, when the new workload is ready. Only for <see cref="ServiceBlueGreen"/>.</summary>
    public IReadOnlyList<VerifySpec> Verify { get; init; } = [];

    /// <summary>R5: gates that run after the cut-over; a failure reverts it. Only for <see cref="ServiceBlueGreen"/>.</summary>
    public IReadOnlyList<VerifySpec> PostVerify { get; init; } = [];
}

/// <summary>R13: two workloads and a Service that selects the live one.</summary>
public sealed record BlueGreenSpec
{
    public string ServiceName { get; init; } = "";

    /// <summary>A Service that selects the idle workload during verification; empty for none.</summary>
    public string VerificationServiceName { get; init; } = "";

    /// <summary>The labels that distinguish the two workloads; the cut-over changes them in the Service's selector.</summary>
    public IReadOnlyList<string> LabelNames { get; init; } = [];

    public bool ScaleDown { get; init; } = true;

    /// <summary>Seconds between the cut-over and scaling down, 0 to 86400, for open connections.</summary>
    public int ScaleDownDelaySeconds { get; init; } = 30;
}

/// <summary>R6: what happens when a rollout fails.</summary>
public sealed record RollbackSpec
{
    public bool Enabled { get; init; } = true;

    /// <summary>
    /// Fail immediately on errors of pods (an image that cannot be pulled, a crash loop) instead of waiting for the deadline.
    /// </summary>
    public bool FailFast { get; init; }
}

/// <summary>R8: the ConfigMap <c>&lt;name&gt;.history</c>; <c>name</c> defaults to that of the workload.</summary>
public sealed record HistorySpec
{
    public bool Enabled { get; init; } = true;

    public string Name { get; init; } = "";
}

/// <summary>The key of a ConfigMap to write the rolled-out version to.</summary>
public sealed record ConfigSpec
{
    public string Name { get; init; } = "";

    public string Key { get; init; } = "version";
}
