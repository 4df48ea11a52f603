using System.Globalization;
using System.Text.Json.Nodes;
using CvManager.Sandbox.Errors;
using CvManager.Sandbox.Json;

namespace CvManager.Sandbox.Kinds;

/// <summary>The common rules of Deployments, ReplicaSets, StatefulSets and DaemonSets.</summary>
internal abstract class WorkloadRules(string kind) : KindRules
{
    public override bool HasGeneration => true;

    public override void Default(JsonObject body)
    {
        var spec = body.Ensure("spec");
        PodTemplates.DefaultTemplate(spec.Obj("template"));
        body.Default("status", new JsonObject());
    }

    public override void PrepareForStatusUpdate(JsonObject body, JsonObject old)
    {
        base.PrepareForStatusUpdate(body, old);
        if (old.Labels() is JsonObject labels)
            body.Meta()["labels"] = labels.DeepClone();
        else
            body.Meta().Remove("labels");
    }

    public override void Validate(JsonObject body, CauseList causes)
    {
        var spec = body.Ensure("spec");
        PodTemplates.NotNegative(spec, "replicas", "spec", causes);
        PodTemplates.NotNegative(spec, "minReadySeconds", "spec", causes);
        PodTemplates.NotNegative(spec, "revisionHistoryLimit", "spec", causes);
        SelectorRules.Validate(body, kind, causes);
        if (spec.Obj("template") is null)
            spec = []; // Reports the missing containers of a missing template.
        PodTemplates.ValidateTemplate(spec.Obj("template") ?? [], "spec.template", causes);
    }

    public override void ValidateUpdate(JsonObject body, JsonObject old, CauseList causes) =>
        SelectorRules.ValidateUnchanged(body, old, causes);

    protected static bool IsZero(JsonNode? value) => value.AsInteger() == 0 || (value.AsText() is string text && text.TrimEnd('%') == "0");

    protected static void CheckIntOrPercent(JsonNode? value, string path, CauseList causes)
    {
        if (value.AsInteger() is < 0 and var number)
        {
            causes.Invalid(path, number, "must be greater than or equal to 0");
        }
        else if (
            value.AsText() is string text
            && (
                !text.EndsWith('%')
                || !int.TryParse(text.AsSpan(0, text.Length - 1), NumberStyles.None, CultureInfo.InvariantCulture, out _)
            )
        )
        {
            causes.InvalidPrinted(
                path,
                $"intstr.IntOrString{{Type:1, IntVal:0, StrVal:{JsonAccess.Quoted(text)}}}",
                "a valid percent string must be a numeric string followed by an ending '%' (e.g. "
                    + "'1%',  or '93%', regex used for validation is '[0-9]+%')"
            );
        }
    }
}

internal sealed class DeploymentRules() : WorkloadRules("deployment")
{
    private const string Zero = "intstr.IntOrString{Type:0, IntVal:0, StrVal:\"\"}";

    public override void Default(JsonObject body)
    {
        base.Default(body);
        var spec = body.Ensure("spec");
        spec.Default("replicas", 1L);
        var strategy = spec.Ensure("strategy");
        strategy.Default("type", "RollingUpdate");
        if (strategy.Str("type") == "RollingUpdate")
        {
            var rolling = strategy.Ensure("rollingUpdate");
            rolling.Default("maxUnavailable", "25%");
            rolling.Default("maxSurge", "25%");
        }
        spec.Default("revisionHistoryLimit", 10L);
        spec.Default("progressDeadlineSeconds", 600L);
    }

    /// <summary>Annotations count too, as in the API server, because the controller copies them to the replica sets.</summary>
    public override bool SpecChanged(JsonObject body, JsonObject old) =>
        base.SpecChanged(body, old) || !JsonAccess.Same(body.Annotations(), old.Annotations());

    public override void Validate(JsonObject body, CauseList causes)
    {
        base.Validate(body, causes);
        var spec = body.Ensure("spec");
        var strategy = spec.Obj("strategy");
        switch (strategy.Str("type"))
        {
            case "Recreate":
                if (strategy?["rollingUpdate"] is not null)
                    causes.Forbidden("spec.strategy.rollingUpdate", "may not be specified when strategy `type` is 'Recreate'");
                break;
            case "RollingUpdate":
                var rolling = strategy.Obj("rollingUpdate");
                CheckIntOrPercent(rolling?["maxUnavailable"], "spec.strategy.rollingUpdate.maxUnavailable", causes);
                CheckIntOrPercent(rolling?["maxSurge"], "spec.strategy.rollingUpdate.maxSurge", causes);
                if (IsZero(rolling?["maxUnavailable"]) && IsZero(rolling?["maxSurge"]))
                    causes.InvalidPrinted("spec.strategy.rollingUpdate.maxUnavailable", Zero, "may not be 0 when `maxSurge` is 0");
                break;
            default:
                causes.NotSupported("spec.strategy.type", strategy?["type"], "Recreate", "RollingUpdate");
                break;
        }
        PodTemplates.NotNegative(spec, "progressDeadlineSeconds", "spec", causes);
        if (spec.Int("progressDeadlineSeconds") is long deadline && deadline <= (spec.Int("minReadySeconds") ?? 0))
            causes.Invalid("spec.progressDeadlineSeconds", deadline, "must be greater than minReadySeconds");
    }
}

internal sealed class ReplicaSetRules() : WorkloadRules("replicaset")
{
    public override void Default(JsonObject body)
    {
        base.Default(body);
        body.Ensure("spec").Default("replicas", 1L);
        body.Ensure("status").Default("replicas", 0L);
    }
}

internal sealed class StatefulSetRules() : WorkloadRules("statefulset")
{
    private static readonly HashSet<string> Mutable = new(StringComparer.Ordinal)
    {
        "replicas",
        "ordinals",
        "template",
        "updateStrategy",
        "persistentVolumeClaimRetentionPolicy",
        "minReadySeconds",
    };

    public override void Default(JsonObject body)
    {
        base.Default(body);
        var spec = body.Ensure("spec");
        spec.Default("replicas", 1L);
        spec.Default("podManagementPolicy", "OrderedReady");
        var strategy = spec.Ensure("updateStrategy");
        strategy.Default("type", "RollingUpdate");
        if (strategy.Str("type") == "RollingUpdate")
            strategy.Ensure("rollingUpdate").Default("partition", 0L);
        spec.Default("revisionHistoryLimit", 10L);
        var retention = spec.Ensure("persistentVolumeClaimRetentionPolicy");
        retention.Default("whenDeleted", "Retain");
        retention.Default("whenScaled", "Retain");
        body.Ensure("status").Default("replicas", 0L);
    }

    public override void Validate(JsonObject body, CauseList causes)
    {
        base.Validate(body, causes);
        var strategy = body.Obj("spec", "updateStrategy");
        if (strategy.Str("type") is var type and not ("RollingUpdate" or "OnDelete"))
            causes.Invalid("spec.updateStrategy", type, "must be 'RollingUpdate' or 'OnDelete'");
        if (strategy.Obj("rollingUpdate") is JsonObject rolling)
            PodTemplates.NotNegative(rolling, "partition", "spec.updateStrategy.rollingUpdate", causes);
        if (body.Str("spec", "podManagementPolicy") is var policy and not ("OrderedReady" or "Parallel"))
            causes.Invalid("spec.podManagementPolicy", policy, "must be 'OrderedReady' or 'Parallel'");
    }

    public override void ValidateUpdate(JsonObject body, JsonObject old, CauseList causes)
    {
        var now = body.Obj("spec") ?? [];
        var before = old.Obj("spec") ?? [];
        foreach (var field in now.Select(pair => pair.Key).Union(before.Select(pair => pair.Key)))
        {
            if (!Mutable.Contains(field) && !JsonAccess.Same(now[field], before[field]))
            {
                causes.Forbidden(
                    "spec",
                    "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', "
                        + "'updateStrategy', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden"
                );
                return;
            }
        }
    }
}

internal sealed class DaemonSetRules() : WorkloadRules("daemonset")
{
    public override void Default(JsonObject body)
    {
        base.Default(body);
        var spec = body.Ensure("spec");
        var strategy = spec.Ensure("updateStrategy");
        strategy.Default("type", "RollingUpdate");
        if (strategy.Str("type") == "RollingUpdate")
        {
            var rolling = strategy.Ensure("rollingUpdate");
            rolling.Default("maxUnavailable", 1L);
            rolling.Default("maxSurge", 0L);
        }
        spec.Default("revisionHistoryLimit", 10L);
        var status = body.Ensure("status");
        foreach (var field in (string[])["currentNumberScheduled", "numberMisscheduled", "desiredNumberScheduled", "numberReady"])
            status.Default(field, 0L);
    }

    public override void Validate(JsonObject body, CauseList causes)
    {
        base.Validate(body, causes);
        var strategy = body.Obj("spec", "updateStrategy");
        if (strategy.Str("type") is var type and not ("RollingUpdate" or "OnDelete"))
            causes.NotSupported("spec.updateStrategy.type", type, "RollingUpdate", "OnDelete");
        if (strategy.Obj("rollingUpdate") is JsonObject rolling && IsZero(rolling["maxUnavailable"]) && IsZero(rolling["maxSurge"]))
            causes.Required("spec.updateStrategy.rollingUpdate.maxUnavailable", "cannot be 0 when maxSurge is 0");
    }
}
