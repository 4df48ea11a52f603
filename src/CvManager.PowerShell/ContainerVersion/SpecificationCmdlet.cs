using System.Collections;
using System.Management.Automation;
using System.Text.Json.Nodes;
using CvManager.PowerShell.Completion;
using CvManager.Resources;

namespace CvManager.PowerShell;

/// <summary>
/// The base of cmdlets that write a ContainerVersion's specification from parameters: every field but the holds, which are
/// Suspend-ContainerVersion's and Invoke-CvRollback's (R7). Sets that follow a tag, or a policy, are parameter sets.
/// </summary>
public abstract class SpecificationCmdlet : ClusterCmdlet
{
    public const string TagSet = "Tag";
    public const string SemVerSet = "SemVer";
    public const string PatternSet = "VersionPattern";
    public const string NewestSet = "Newest";

    /// <summary>Which parameter writes a field. The first that the field's path begins with.</summary>
    private static readonly (string Field, string Parameter)[] s_parameters =
    [
        ("metadata.name", "Name"),
        ("spec.imageRepo", "ImageRepo"),
        ("spec.tag", "Tag"),
        ("spec.versionPolicy.semver", nameof(SemVer)),
        ("spec.versionPolicy.regex", nameof(VersionPattern)),
        ("spec.versionPolicy.order", nameof(VersionOrder)),
        ("spec.versionSyntax", nameof(VersionSyntax)),
        ("spec.pollIntervalSeconds", nameof(PollInterval)),
        ("spec.timeoutSeconds", nameof(RolloutTimeout)),
        ("spec.livenessSeconds", nameof(LivenessTimeout)),
        ("spec.selector", nameof(Selector)),
        ("spec.container.verify", nameof(Verify)),
        ("spec.container", "Container"),
        ("spec.strategy.blueGreen.labelNames", nameof(LabelName)),
        ("spec.strategy.blueGreen.verificationServiceName", nameof(VerificationServiceName)),
        ("spec.strategy.blueGreen.scaleDownDelaySeconds", nameof(ScaleDownDelay)),
        ("spec.strategy.blueGreen", nameof(ServiceName)),
        ("spec.strategy.verify", nameof(VerifyBeforeCutOver)),
        ("spec.strategy.postVerify", nameof(VerifyAfterCutOver)),
        ("spec.strategy", nameof(Strategy)),
        ("spec.history.name", nameof(HistoryName)),
        ("spec.config.key", nameof(ConfigKey)),
        ("spec.config", nameof(ConfigName)),
        ("spec.imagePullSecrets", nameof(ImagePullSecret)),
    ];

    /// <summary>Left out, the context's own namespace.</summary>
    [Parameter(ValueFromPipelineByPropertyName = true)]
    [ArgumentCompleter(typeof(NamespaceCompleter))]
    [ValidateNotNullOrEmpty]
    public string? Namespace { get; set; }

    /// <summary>Instead of a tag: the highest semantic version in this range, as npm writes ranges.</summary>
    [Parameter(Mandatory = true, ParameterSetName = SemVerSet, ValueFromPipelineByPropertyName = true)]
    [ValidateNotNullOrEmpty]
    public string? SemVer { get; set; }

    /// <summary>Instead of a tag: the greatest of the tags that this regular expression matches as a whole, by its first group.</summary>
    [Parameter(Mandatory = true, ParameterSetName = PatternSet, ValueFromPipelineByPropertyName = true)]
    [ValidateNotNullOrEmpty]
    public string? VersionPattern { get; set; }

    /// <summary>How the pattern's tags are compared.</summary>
    [Parameter(ParameterSetName = PatternSet, ValueFromPipelineByPropertyName = true)]
    public VersionOrder? VersionOrder { get; set; }

    /// <summary>Instead of a tag: the version that was pushed last.</summary>
    [Parameter(Mandatory = true, ParameterSetName = NewestSet)]
    public SwitchParameter Newest { get; set; }

    /// <summary>Labels of the workloads, the key cvapp among them.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public Hashtable? Selector { get; set; }

    /// <summary>A regular expression for the whole of a version tag; empty for the default.</summary>
    [Parameter]
    public string? VersionSyntax { get; set; }

    /// <summary>How often the tag is looked at: 5 s to a day.</summary>
    [Parameter]
    [TimeSpanTransformation]
    public TimeSpan? PollInterval { get; set; }

    /// <summary>The longest that one rollout may take: 1 s to a day.</summary>
    [Parameter]
    [TimeSpanTransformation]
    public TimeSpan? RolloutTimeout { get; set; }

    /// <summary>Reported unhealthy when not reconciled for this long: 1 s to a week.</summary>
    [Parameter]
    [TimeSpanTransformation]
    public TimeSpan? LivenessTimeout { get; set; }

    /// <summary>Gates before any workload is touched, in order; none to remove them.</summary>
    [Parameter]
    [GateTransformation]
    public CvGate[]? Verify { get; set; }

    /// <summary>What is given for <see cref="RolloutStrategy.ServiceBlueGreen"/> implies it.</summary>
    [Parameter]
    public RolloutStrategy? Strategy { get; set; }

    /// <summary>The Service that is cut over.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? ServiceName { get; set; }

    /// <summary>A Service that is pointed at the idle workload while it is verified; empty for none.</summary>
    [Parameter]
    public string? VerificationServiceName { get; set; }

    /// <summary>The labels by which the two workloads differ.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string[]? LabelName { get; set; }

    /// <summary>Whether the former workload is scaled to zero after the cut-over.</summary>
    [Parameter]
    public bool? ScaleDown { get; set; }

    /// <summary>How long after it: up to a day.</summary>
    [Parameter]
    [TimeSpanTransformation]
    public TimeSpan? ScaleDownDelay { get; set; }

    /// <summary>Gates between the idle workload being up and the cut-over; none to remove them.</summary>
    [Parameter]
    [GateTransformation]
    public CvGate[]? VerifyBeforeCutOver { get; set; }

    /// <summary>Gates after the cut-over, the failure of which cuts back; none to remove them.</summary>
    [Parameter]
    [GateTransformation]
    public CvGate[]? VerifyAfterCutOver { get; set; }

    /// <summary>Whether a rollout that fails is put back.</summary>
    [Parameter]
    public bool? Rollback { get; set; }

    /// <summary>Whether pods that cannot pull their image, or keep crashing, fail a rollout before its deadline.</summary>
    [Parameter]
    public bool? FailFast { get; set; }

    /// <summary>Whether images are written with their digest.</summary>
    [Parameter]
    public bool? PinDigest { get; set; }

    /// <summary>The ConfigMap that receives the version; empty for none.</summary>
    [Parameter]
    public string? ConfigName { get; set; }

    /// <summary>Its key.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? ConfigKey { get; set; }

    /// <summary>Whether rollouts are recorded.</summary>
    [Parameter]
    public bool? History { get; set; }

    /// <summary>The history goes into the ConfigMap of this name, with .history behind it; empty for the workload's name.</summary>
    [Parameter]
    public string? HistoryName { get; set; }

    /// <summary>Names of Secrets with logins for the registry; none to remove them.</summary>
    [Parameter]
    public string[]? ImagePullSecret { get; set; }

    protected override Task BeginProcessingAsync(CancellationToken cancellationToken)
    {
        string[] blueGreen =
        [
            nameof(ServiceName), nameof(VerificationServiceName), nameof(LabelName), nameof(ScaleDown), nameof(ScaleDownDelay),
            nameof(VerifyBeforeCutOver), nameof(VerifyAfterCutOver),
        ];
        var given = blueGreen.FirstOrDefault(MyInvocation.BoundParameters.ContainsKey);
        if (given is not null && Strategy == RolloutStrategy.Rolling)
        {
            throw Terminating(new CvException(CmdletErrorIds.ParameterNotApplicable, CvErrorKind.Invalid, $"-{given} cannot be combined with -Strategy Rolling.",
                "Omit it, or use -Strategy ServiceBlueGreen. To run gates before a rolling update, use -Verify."));
        }

        if (given is not null)
            Strategy = RolloutStrategy.ServiceBlueGreen;
        return Task.CompletedTask;
    }

    /// <summary>The fields that parameters were given for, as a merge patch (RFC 7396): null where a field is to be removed.</summary>
    private protected JsonObject Specification(string? imageRepo, string? tag, string? container)
    {
        JsonObject spec = [];
        Set(spec, "imageRepo", imageRepo);
        Set(spec, "tag", tag);
        Set(spec, "versionPolicy", ParameterSetName switch
        {
            SemVerSet => Policy(semver: SemVer),
            PatternSet => Policy(regex: VersionPattern, order: VersionOrder?.ToString().ToLowerInvariant()),
            NewestSet when Newest => Policy(newest: true),
            _ => null,
        });
        Set(spec, "container", Part(("name", container), ("verify", Gates(Verify))));
        if (Selector is not null)
            spec["selector"] = new JsonObject(Selector.Cast<DictionaryEntry>().Select(label => KeyValuePair.Create(label.Key.ToString()!, (JsonNode?)label.Value?.ToString())));
        if (VersionSyntax is not null)
            spec["versionSyntax"] = VersionSyntax.Length > 0 ? VersionSyntax : null;
        Set(spec, "pollIntervalSeconds", Seconds(PollInterval));
        Set(spec, "timeoutSeconds", Seconds(RolloutTimeout));
        Set(spec, "livenessSeconds", Seconds(LivenessTimeout));
        Set(spec, "strategy", StrategyPart());
        Set(spec, "rollback", Part(("enabled", Rollback), ("failFast", FailFast)));
        Set(spec, "pinDigest", PinDigest);
        if (ConfigName is "")
            spec["config"] = null;
        else
            Set(spec, "config", Part(("name", ConfigName), ("key", ConfigKey)));
        Set(spec, "history", Part(("enabled", History), ("name", HistoryName)));
        if (ImagePullSecret is not null)
            spec["imagePullSecrets"] = Names(ImagePullSecret);
        return spec;
    }

    /// <exception cref="CvException"><c>ContainerVersionInvalid</c>, which names the parameters beside the fields.</exception>
    private protected static void ThrowIfInvalid(JsonObject manifest) =>
        ContainerVersionValidator.ThrowIfInvalid(manifest, field =>
            s_parameters.FirstOrDefault(pair => field.StartsWith(pair.Field, StringComparison.Ordinal)).Parameter is { } parameter ? $"-{parameter} ({field})" : field);

    /// <summary>RFC 7396. True where it changes anything.</summary>
    private protected static bool Merge(JsonObject target, JsonObject patch)
    {
        var before = target.DeepClone();
        foreach (var (field, value) in patch)
        {
            if (value is null)
            {
                target.Remove(field);
            }
            else if (value is JsonObject part)
            {
                if (target[field] is not JsonObject)
                    target[field] = new JsonObject();
                Merge((JsonObject)target[field]!, part);
            }
            else
            {
                target[field] = value.DeepClone();
            }
        }

        return !JsonNode.DeepEquals(before, target);
    }

    private JsonObject? StrategyPart() => Strategy switch
    {
        RolloutStrategy.ServiceBlueGreen => Part(
            ("kind", nameof(RolloutStrategy.ServiceBlueGreen)),
            ("blueGreen", Part(
                ("serviceName", ServiceName),
                ("verificationServiceName", VerificationServiceName),
                ("labelNames", LabelName is null ? null : Names(LabelName)),
                ("scaleDown", ScaleDown),
                ("scaleDownDelaySeconds", Seconds(ScaleDownDelay)))),
            ("verify", Gates(VerifyBeforeCutOver)),
            ("postVerify", Gates(VerifyAfterCutOver))),
        RolloutStrategy.Rolling => new JsonObject { ["kind"] = nameof(RolloutStrategy.Rolling), ["blueGreen"] = null, ["verify"] = null, ["postVerify"] = null },
        _ => null,
    };

    /// <summary>A policy is given as a whole: what it had before goes.</summary>
    private static JsonObject Policy(string? semver = null, string? regex = null, string? order = null, bool? newest = null) =>
        new() { ["semver"] = semver, ["regex"] = regex, ["order"] = order, ["newest"] = newest };

    /// <summary>Null where nothing of it was given.</summary>
    private static JsonObject? Part(params (string Field, JsonNode? Value)[] fields)
    {
        JsonObject part = [];
        foreach (var (field, value) in fields)
            Set(part, field, value);
        return part.Count > 0 ? part : null;
    }

    private static void Set(JsonObject target, string field, JsonNode? value)
    {
        if (value is not null)
            target[field] = value;
    }

    private static JsonArray? Gates(CvGate[]? gates) => gates is null ? null : new JsonArray([.. gates.Select(gate => (JsonNode)gate.ToJson())]);

    private static JsonArray Names(string[] names) => new([.. names.Select(name => (JsonNode)name)]);

    private static JsonNode? Seconds(TimeSpan? time) => time is { } span ? (long)Math.Ceiling(span.TotalSeconds) : null;
}
