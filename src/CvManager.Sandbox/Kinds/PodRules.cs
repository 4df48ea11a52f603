using System.Text.Json.Nodes;
using CvManager.Sandbox.Errors;
using CvManager.Sandbox.Json;

namespace CvManager.Sandbox.Kinds;

internal sealed class PodRules : KindRules
{
    private const string ImmutableText =
        "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,"
        + "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),"
        + "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";

    public override bool ReturnsDeleted => true;

    public override void Default(JsonObject body)
    {
        var spec = body.Ensure("spec");
        PodTemplates.DefaultSpec(spec);
        spec.Default("enableServiceLinks", true);
        spec.Default("priority", 0L);
        spec.Default("preemptionPolicy", "PreemptLowerPriority");
        body.Ensure("status");
    }

    public override void PrepareForCreate(JsonObject body)
    {
        body["status"] = new JsonObject { ["phase"] = "Pending", ["qosClass"] = QualityOfService(body.Ensure("spec")) };
        var spec = body.Ensure("spec");
        var tolerations = spec["tolerations"] as JsonArray ?? [];
        foreach (var key in (string[])["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"])
        {
            if (
                !tolerations
                    .OfType<JsonObject>()
                    .Any(item => item.Str("key") == key || (item.Str("key").Length == 0 && item.Str("operator") == "Exists"))
            )
            {
                tolerations.Add(
                    (JsonNode)
                        new JsonObject
                        {
                            ["key"] = key,
                            ["operator"] = "Exists",
                            ["effect"] = "NoExecute",
                            ["tolerationSeconds"] = 300L,
                        }
                );
            }
        }
        if (tolerations.Parent is null)
            spec["tolerations"] = tolerations;
    }

    public override void PrepareForStatusUpdate(JsonObject body, JsonObject old)
    {
        base.PrepareForStatusUpdate(body, old);
        if (old.Arr("metadata", "ownerReferences") is JsonArray owners)
            body.Meta()["ownerReferences"] = owners.DeepClone();
        else
            body.Meta().Remove("ownerReferences");
        if (old.Str("status", "qosClass") is { Length: > 0 } quality)
            body.Ensure("status").Default("qosClass", quality);
    }

    public override void Validate(JsonObject body, CauseList causes) => PodTemplates.ValidateSpec(body.Obj("spec"), "spec", causes);

    public override void ValidateUpdate(JsonObject body, JsonObject old, CauseList causes)
    {
        var now = (body.Obj("spec") ?? []).Clone();
        var before = (old.Obj("spec") ?? []).Clone();
        foreach (var list in (string[])["containers", "initContainers"])
        {
            var current = now.Items(list).ToList();
            var former = before.Items(list).ToList();
            if (current.Count != former.Count)
            {
                causes.Forbidden($"spec.{list}", "pod updates may not add or remove containers");
                return;
            }
            foreach (var container in current.Concat(former))
                container.Remove("image");
        }
        foreach (var field in (string[])["activeDeadlineSeconds", "tolerations", "terminationGracePeriodSeconds"])
        {
            now.Remove(field);
            before.Remove(field);
        }
        // The scheduler sets nodeName once.
        if (before.Str("nodeName").Length == 0)
        {
            now.Remove("nodeName");
            before.Remove("nodeName");
        }
        if (!JsonAccess.Same(now, before))
            causes.Forbidden("spec", ImmutableText);
    }

    /// <summary>In seconds. An unscheduled or finished pod is deleted immediately.</summary>
    public override long? GracePeriod(JsonObject body, long? requested)
    {
        if (body.Str("spec", "nodeName").Length == 0 || body.Str("status", "phase") is "Succeeded" or "Failed")
            return 0;
        return Math.Max(0, requested ?? body.Int("spec", "terminationGracePeriodSeconds") ?? 30);
    }

    private static string QualityOfService(JsonObject spec)
    {
        var any = false;
        var guaranteed = true;
        foreach (var container in PodTemplates.AllContainers(spec))
        {
            var limits = container.Obj("resources", "limits");
            var requests = container.Obj("resources", "requests");
            any |= limits is { Count: > 0 } || requests is { Count: > 0 };
            foreach (var resource in (string[])["cpu", "memory"])
            {
                guaranteed &=
                    limits?[resource] is not null && (requests?[resource] is null || JsonAccess.Same(requests[resource], limits[resource]));
            }
        }
        return !any ? "BestEffort"
            : guaranteed ? "Guaranteed"
            : "Burstable";
    }
}
