using System.Collections;
using System.Management.Automation;
using System.Text.Json.Nodes;
using CvManager.PowerShell.Completion;
using CvManager.Resources;

namespace CvManager.PowerShell;

/// <summary>
/// The base class of cmdlets that write the specification of a ContainerVersion from parameters: all fields except holds, which
/// Suspend-ContainerVersion and Invoke-CvRollback set (R7). There is a parameter set for the tag, and one for each version policy.
/// </summary>
public abstract class SpecificationCmdlet : ClusterCmdlet
{
    public const string TagSet = "Tag";
    public const string SemVerSet = "SemVer";
    public const string PatternSet = "VersionPattern";
    public const string NewestSet = "Newest";

    /// <summary>Maps fields to parameters. The first entry that is a prefix of the path of the field applies.</summary>
    private static readonly (string Field, string Parameter)[] FieldParameters =
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

    /// <summary>The namespace; the default is the namespace of the context.</summary>
    [Parameter(ValueFromPipelineByPropertyName = true)]
    [ArgumentCompleter(typeof(NamespaceCompleter))]
    [ValidateNotNullOrEmpty]
    public string? Namespace { get; set; }

    /// <summary>Instead of a tag: follow the highest semantic version in this range (npm syntax).</summary>
    [Parameter(Mandatory = true, ParameterSetName = SemVerSet)]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(FreeTextCompleter))]
    public string? SemVer { get; set; }

    /// <summary>
    /// Instead of a tag: follow the highest tag that matches this regular expression as a whole, compared by its first group.
    /// </summary>
    [Parameter(Mandatory = true, ParameterSetName = PatternSet)]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(FreeTextCompleter))]
    public string? VersionPattern { get; set; }

    /// <summary>How the tags that match the pattern are compared.</summary>
    [Parameter(ParameterSetName = PatternSet)]
    public VersionOrder? VersionOrder { get; set; }

    /// <summary>Instead of a tag: follow the version that was pushed last.</summary>
    [Parameter(Mandatory = true, ParameterSetName = NewestSet)]
    public SwitchParameter Newest { get; set; }

    /// <summary>The labels that select the workloads, including the key cvapp.</summary>
    [Parameter]
    [LabelsTransformation]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(FreeTextCompleter))]
    public Hashtable? Selector { get; set; }

    /// <summary>A regular expression that a whole tag must match to be a version; empty for the default.</summary>
    [Parameter]
    [ArgumentCompleter(typeof(FreeTextCompleter))]
    public string? VersionSyntax { get; set; }

    /// <summary>How often the tag is read: 5 s to a day.</summary>
    [Parameter]
    [TimeSpanTransformation]
    [ArgumentCompleter(typeof(DurationCompleter))]
    public TimeSpan? PollInterval { get; set; }

    /// <summary>The maximum duration of a rollout: 1 s to a day.</summary>
    [Parameter]
    [TimeSpanTransformation]
    [ArgumentCompleter(typeof(DurationCompleter))]
    public TimeSpan? RolloutTimeout { get; set; }

    /// <summary>Reported as unhealthy if not reconciled for this long: 1 s to a week.</summary>
    [Parameter]
    [TimeSpanTransformation]
    [ArgumentCompleter(typeof(DurationCompleter))]
    public TimeSpan? LivenessTimeout { get; set; }

    /// <summary>Gates that run before any workload is changed, in order; an empty array removes them.</summary>
    [Parameter]
    [GateTransformation]
    [ArgumentCompleter(typeof(FreeTextCompleter))]
    public CvGate[]? Verify { get; set; }

    /// <summary>The rollout strategy. Parameters of <see cref="RolloutStrategy.ServiceBlueGreen"/> imply that strategy.</summary>
    [Parameter]
    public RolloutStrategy? Strategy { get; set; }

    /// <summary>The Service to cut over.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(ServiceCompleter))]
    public string? ServiceName { get; set; }

    /// <summary>A Service that points at the idle workload while gates run; empty for none.</summary>
    [Parameter]
    [ArgumentCompleter(typeof(ServiceCompleter))]
    public string? VerificationServiceName { get; set; }

    /// <summary>The labels that distinguish the two workloads.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    [TextListTransformation]
    [ArgumentCompleter(typeof(ServiceLabelCompleter))]
    public string[]? LabelName { get; set; }

    /// <summary>Whether the previous workload is scaled to zero after the cut-over.</summary>
    [Parameter]
    public SwitchParameter ScaleDown { get; set; }

    /// <summary>The delay between the cut-over and scaling down: up to a day.</summary>
    [Parameter]
    [TimeSpanTransformation]
    [ArgumentCompleter(typeof(DurationCompleter))]
    public TimeSpan? ScaleDownDelay { get; set; }

    /// <summary>Gates that run when the idle workload is available, before the cut-over; an empty array removes them.</summary>
    [Parameter]
    [GateTransformation]
    [ArgumentCompleter(typeof(FreeTextCompleter))]
    public CvGate[]? VerifyBeforeCutOver { get; set; }

    /// <summary>Gates that run after the cut-over. If one fails, the Service is cut back. An empty array removes them.</summary>
    [Parameter]
    [GateTransformation]
    [ArgumentCompleter(typeof(FreeTextCompleter))]
    public CvGate[]? VerifyAfterCutOver { get; set; }

    /// <summary>Whether a failed rollout is rolled back.</summary>
    [Parameter]
    public SwitchParameter Rollback { get; set; }

    /// <summary>Whether pods that cannot pull their image, or that crash repeatedly, fail a rollout before its deadline.</summary>
    [Parameter]
    public SwitchParameter FailFast { get; set; }

    /// <summary>Whether images are written with a digest.</summary>
    [Parameter]
    public SwitchParameter PinDigest { get; set; }

    /// <summary>The ConfigMap to write the version to; empty for none.</summary>
    [Parameter]
    [ArgumentCompleter(typeof(ConfigMapCompleter))]
    public string? ConfigName { get; set; }

    /// <summary>The key in that ConfigMap.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(ConfigKeyCompleter))]
    public string? ConfigKey { get; set; }

    /// <summary>Whether rollouts are recorded.</summary>
    [Parameter]
    public SwitchParameter History { get; set; }

    /// <summary>The history is written to the ConfigMap &lt;name&gt;.history; empty for the name of the workload.</summary>
    [Parameter]
    [ArgumentCompleter(typeof(HistoryNameCompleter))]
    public string? HistoryName { get; set; }

    /// <summary>Names of Secrets with credentials for the registry; an empty array removes them.</summary>
    [Parameter]
    [TextListTransformation]
    [ArgumentCompleter(typeof(ImagePullSecretCompleter))]
    public string[]? ImagePullSecret { get; set; }

    protected override Task BeginProcessingAsync(CancellationToken cancellationToken)
    {
        string[] blueGreen =
        [
            nameof(ServiceName),
            nameof(VerificationServiceName),
            nameof(LabelName),
            nameof(ScaleDown),
            nameof(ScaleDownDelay),
            nameof(VerifyBeforeCutOver),
            nameof(VerifyAfterCutOver),
        ];
        var parameter = blueGreen.FirstOrDefault(MyInvocation.BoundParameters.ContainsKey);
        if (parameter is not null && Strategy == RolloutStrategy.Rolling)
        {
            throw Terminating(
                new CvException(
                    CmdletErrorIds.ParameterNotApplicable,
                    CvErrorKind.Invalid,
                    $"-{parameter} cannot be combined with -Strategy Rolling.",
                    "Omit it, or use -Strategy ServiceBlueGreen. To run gates before a rolling update, use -Verify."
                )
            );
        }

        if (parameter is not null)
            Strategy = RolloutStrategy.ServiceBlueGreen;
        return Task.CompletedTask;
    }

    /// <summary>The fields that the parameters set, as a merge patch (RFC 7396): null removes a field.</summary>
    private protected JsonObject Specification(string? imageRepo, string? tag, string? container)
    {
        JsonObject spec = [];
        Set(spec, "imageRepo", imageRepo);
        Set(spec, "tag", tag);
        Set(
            spec,
            "versionPolicy",
            ParameterSetName switch
            {
                SemVerSet => Policy(semver: SemVer),
                PatternSet => Policy(regex: VersionPattern, order: VersionOrder?.ToString().ToLowerInvariant()),
                NewestSet when Newest => Policy(newest: true),
                _ => null,
            }
        );
        Set(spec, "container", Part(("name", container), ("verify", Gates(Verify))));
        if (Selector is not null)
            spec["selector"] = new JsonObject(
                Selector
                    .Cast<DictionaryEntry>()
                    .Select(label => KeyValuePair.Create(label.Key.ToString()!, (JsonNode?)label.Value?.ToString()))
            );
        if (VersionSyntax is not null)
            spec["versionSyntax"] = VersionSyntax.Length > 0 ? VersionSyntax : null;
        Set(spec, "pollIntervalSeconds", Seconds(PollInterval));
        Set(spec, "timeoutSeconds", Seconds(RolloutTimeout));
        Set(spec, "livenessSeconds", Seconds(LivenessTimeout));
        Set(spec, "strategy", StrategyPart());
        Set(spec, "rollback", Part(("enabled", IfBound(nameof(Rollback), Rollback)), ("failFast", IfBound(nameof(FailFast), FailFast))));
        Set(spec, "pinDigest", IfBound(nameof(PinDigest), PinDigest));
        if (ConfigName is "")
            spec["config"] = null;
        else
            Set(spec, "config", Part(("name", ConfigName), ("key", ConfigKey)));
        Set(spec, "history", Part(("enabled", IfBound(nameof(History), History)), ("name", HistoryName)));
        if (ImagePullSecret is not null)
            spec["imagePullSecrets"] = Names(ImagePullSecret);
        return spec;
    }

    /// <exception cref="CvException"><c>ContainerVersionInvalid</c>, with the parameters next to the fields.</exception>
    private protected static void ThrowIfInvalid(JsonObject manifest) =>
        ContainerVersionValidator.ThrowIfInvalid(
            manifest,
            field =>
                FieldParameters.FirstOrDefault(pair => field.StartsWith(pair.Field, StringComparison.Ordinal)).Parameter is { } parameter
                    ? $"-{parameter} ({field})"
                    : field
        );

    /// <summary>Applies a merge patch (RFC 7396). Returns true if it changes the target.</summary>
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

    private JsonObject? StrategyPart() =>
        Strategy switch
        {
            RolloutStrategy.ServiceBlueGreen => Part(
                ("kind", nameof(RolloutStrategy.ServiceBlueGreen)),
                (
                    "blueGreen",
                    Part(
                        ("serviceName", ServiceName),
                        ("verificationServiceName", VerificationServiceName),
                        ("labelNames", LabelName is null ? null : Names(LabelName)),
                        ("scaleDown", IfBound(nameof(ScaleDown), ScaleDown)),
                        ("scaleDownDelaySeconds", Seconds(ScaleDownDelay))
                    )
                ),
                ("verify", Gates(VerifyBeforeCutOver)),
                ("postVerify", Gates(VerifyAfterCutOver))
            ),
            RolloutStrategy.Rolling => new JsonObject
            {
                ["kind"] = nameof(RolloutStrategy.Rolling),
                ["blueGreen"] = null,
                ["verify"] = null,
                ["postVerify"] = null,
            },
            _ => null,
        };

    /// <summary>The value of a switch that was specified, also as <c>-Switch:$false</c>; otherwise null.</summary>
    private JsonNode? IfBound(string parameter, SwitchParameter value) =>
        MyInvocation.BoundParameters.ContainsKey(parameter) ? value.ToBool() : null;

    /// <summary>Sets or removes all fields, because a policy is replaced as a whole.</summary>
    private static JsonObject Policy(string? semver = null, string? regex = null, string? order = null, bool? newest = null) =>
        new()
        {
            ["semver"] = semver,
            ["regex"] = regex,
            ["order"] = order,
            ["newest"] = newest,
        };

    /// <summary>Null if none of the fields is set.</summary>
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

    private static JsonArray? Gates(CvGate[]? gates) =>
        gates is null ? null : new JsonArray([.. gates.Select(gate => (JsonNode)gate.ToJson())]);

    private static JsonArray Names(string[] names) => new([.. names.Select(name => (JsonNode)name)]);

    private static JsonNode? Seconds(TimeSpan? time) => time is { } span ? (long)Math.Ceiling(span.TotalSeconds) : null;
}
