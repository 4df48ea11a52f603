using System.Text.Json.Serialization;

namespace CvManager.Resources;

/// <summary>What the user asks for. Defaults are those of the CRD's schema, so that an older object reads the same.</summary>
public sealed record ContainerVersionSpec
{
    /// <summary>Registry and repository, without tag or digest; a port is allowed.</summary>
    public string ImageRepo { get; init; } = "";

    /// <summary>The moving tag to follow; null where <see cref="VersionPolicy"/> says which version is wanted.</summary>
    public string? Tag { get; init; }

    /// <summary>For those who have no environment tag: which of the version tags is wanted. Null where there is a <see cref="Tag"/>.</summary>
    public VersionPolicySpec? VersionPolicy { get; init; }

    /// <summary>A regular expression for the whole of a version tag; null where it was left out: then git SHAs and full version numbers are versions, and a digest may stand for the version (R1).</summary>
    public string? VersionSyntax { get; init; }

    /// <summary>Seconds, 5 to 86400.</summary>
    public int PollIntervalSeconds { get; init; } = 300;

    /// <summary>Seconds, 1 to 86400: the longest that one rollout may take.</summary>
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

    /// <summary>R7: do nothing while true.</summary>
    public bool Suspend { get; init; }

    /// <summary>R7: stay on this version, whatever the tag says; empty for none.</summary>
    public string PinVersion { get; init; } = "";

    /// <summary>Patch <c>repo:version@digest</c> rather than <c>repo:version</c>.</summary>
    public bool PinDigest { get; init; } = true;

    /// <summary>Names of secrets with credentials for the registry, beside those that the workloads use already.</summary>
    public IReadOnlyList<string> ImagePullSecrets { get; init; } = [];

    /// <summary>
    /// What is followed, as one text: the tag, or the policy as <c>semver:RANGE</c>, <c>regex/ORDER:EXPRESSION</c> or <c>newest:SYNTAX</c>. No tag
    /// has a colon.
    /// </summary>
    [JsonIgnore]
    public string Follows => VersionPolicy switch
    {
        null => Tag ?? "",
        { Semver: { } range } => $"semver:{range}",
        { Regex: { } expression } policy => $"regex/{policy.Order ?? VersionPolicySpec.Numeric}:{expression}",
        // An asterisk alone is not a regular expression.
        _ => $"newest:{VersionSyntax ?? "*"}",
    };
}

/// <summary>Which of a repository's version tags is wanted: exactly one of the three.</summary>
public sealed record VersionPolicySpec
{
    public const string Numeric = "numeric";
    public const string Alphabetical = "alphabetical";

    /// <summary>The highest semantic version in a range, as npm writes ranges: <c>&gt;=1.2 &lt;2</c>, <c>^1.4</c>, <c>~2.1</c>.</summary>
    public string? Semver { get; init; }

    /// <summary>The greatest of the tags that match as a whole, by what the first group captures (or the whole tag, without one).</summary>
    public string? Regex { get; init; }

    /// <summary>How <see cref="Regex"/> compares: <c>numeric</c> (where left out) or <c>alphabetical</c>.</summary>
    public string? Order { get; init; }

    /// <summary>The image that was pushed last among the tags that match versionSyntax; where the registry does not tell, the one that was built last.</summary>
    public bool? Newest { get; init; }
}

/// <summary>The container, or init container, of the pod template that gets the version.</summary>
public sealed record ContainerSpec
{
    public string Name { get; init; } = "";

    /// <summary>R5: gates before any workload is touched, in order.</summary>
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

    /// <summary>The service account that its pod runs as, with its token; null for the namespace's default one, without a token.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? ServiceAccountName { get; init; }

    /// <summary>The user that its container runs as; null for the image's own, which must not be root; 0 for root.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public long? RunAsUser { get; init; }

    /// <summary>The resources of its container; null for the namespace's defaults (a LimitRange), if it has any.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public GateResourcesSpec? Resources { get; init; }
}

/// <summary>The resources of a gate's container, as those of a container in a pod: quantities by name of the resource.</summary>
public sealed record GateResourcesSpec
{
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyDictionary<string, string>? Limits { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyDictionary<string, string>? Requests { get; init; }
}

/// <summary>How workloads are brought to a version.</summary>
public sealed record StrategySpec
{
    public const string Rolling = "Rolling";
    public const string ServiceBlueGreen = "ServiceBlueGreen";

    public string Kind { get; init; } = Rolling;

    /// <summary>Required by <see cref="ServiceBlueGreen"/>, and of no use otherwise.</summary>
    public BlueGreenSpec? BlueGreen { get; init; }

    /// <summary>R5: gates between the new colour being up and the cut-over; of <see cref="ServiceBlueGreen"/> alone.</summary>
    public IReadOnlyList<VerifySpec> Verify { get; init; } = [];

    /// <summary>R5: gates after the cut-over; one that fails cuts back. Of <see cref="ServiceBlueGreen"/> alone.</summary>
    public IReadOnlyList<VerifySpec> PostVerify { get; init; } = [];
}

/// <summary>R13: two workloads, one Service that selects the live one.</summary>
public sealed record BlueGreenSpec
{
    public string ServiceName { get; init; } = "";

    /// <summary>A Service that is pointed at the idle colour for verification; empty for none.</summary>
    public string VerificationServiceName { get; init; } = "";

    /// <summary>The labels by which the two colours differ, and that the cut-over changes in the Service's selector.</summary>
    public IReadOnlyList<string> LabelNames { get; init; } = [];

    public bool ScaleDown { get; init; } = true;

    /// <summary>Seconds between the cut-over and the scaling down, 0 to 86400: for connections that are still open.</summary>
    public int ScaleDownDelaySeconds { get; init; } = 30;
}

/// <summary>R6.</summary>
public sealed record RollbackSpec
{
    public bool Enabled { get; init; } = true;

    /// <summary>Act on what the kubelets say (an image that cannot be pulled, a container that keeps crashing) without waiting for the deadline.</summary>
    public bool FailFast { get; init; }
}

/// <summary>R8: the ConfigMap <c>&lt;name&gt;.history</c>; by default named for the workload.</summary>
public sealed record HistorySpec
{
    public bool Enabled { get; init; } = true;

    public string Name { get; init; } = "";
}

/// <summary>The ConfigMap key that receives the rolled-out version.</summary>
public sealed record ConfigSpec
{
    public string Name { get; init; } = "";

    public string Key { get; init; } = "version";
}
