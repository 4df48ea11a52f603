using System.Text.Json.Nodes;
using CvManager.Sandbox.Errors;
using CvManager.Sandbox.Json;
using CvManager.Sandbox.Selectors;

namespace CvManager.Sandbox.Kinds;

/// <summary>Validates the label selectors of workloads. Messages print structs as Go does, like the API server's.</summary>
internal static class SelectorRules
{
    public static void Validate(JsonObject body, string kind, CauseList causes)
    {
        var selector = body.Obj("spec", "selector");
        if (selector is null)
        {
            causes.Required("spec.selector");
        }
        else
        {
            var index = 0;
            foreach (var expression in selector.Items("matchExpressions"))
            {
                var path = $"spec.selector.matchExpressions[{index++}]";
                var hasValues = expression.Arr("values") is { Count: > 0 };
                var op = expression.Str("operator");
                if (op is not ("In" or "NotIn" or "Exists" or "DoesNotExist"))
                    causes.Invalid($"{path}.operator", op, "not a valid selector operator");
                else if (op is "In" or "NotIn" && !hasValues)
                    causes.Required($"{path}.values", "must be specified when `operator` is 'In' or 'NotIn'");
                else if (op is "Exists" or "DoesNotExist" && hasValues)
                    causes.Forbidden($"{path}.values", "may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
            }
            MetadataValidation.ValidateLabels(selector.Obj("matchLabels"), "spec.selector.matchLabels", causes);
            if (selector.Obj("matchLabels") is null or { Count: 0 } && selector.Arr("matchExpressions") is null or { Count: 0 })
                causes.InvalidPrinted("spec.selector", Print(selector), $"empty selector is invalid for {kind}");
        }
        var labels = body.Obj("spec", "template").Obj("metadata", "labels");
        if (
            body.Obj("spec", "template") is not null
            && selector is not null
            && LabelSelector.FromObject(selector)!.Matches(labels) == false
        )
            causes.InvalidPrinted("spec.template.metadata.labels", PrintMap(labels), "`selector` does not match template `labels`");
    }

    public static void ValidateUnchanged(JsonObject body, JsonObject old, CauseList causes)
    {
        if (!JsonAccess.Same(body.At("spec", "selector"), old.At("spec", "selector")))
            causes.InvalidPrinted("spec.selector", Print(body.Obj("spec", "selector")), "field is immutable");
    }

    private static string Print(JsonObject? selector)
    {
        var expressions = selector.Arr("matchExpressions") is { Count: > 0 } list
            ? "[]v1.LabelSelectorRequirement{" + string.Join(", ", list.OfType<JsonObject>().Select(PrintExpression)) + "}"
            : "[]v1.LabelSelectorRequirement(nil)";
        return $"v1.LabelSelector{{MatchLabels:{PrintMap(selector.Obj("matchLabels"))}, MatchExpressions:{expressions}}}";
    }

    private static string PrintExpression(JsonObject expression) =>
        $"v1.LabelSelectorRequirement{{Key:{JsonAccess.Quoted(expression.Str("key"))}, Operator:{JsonAccess.Quoted(expression.Str("operator"))}, "
        + $"Values:[]string{{{string.Join(", ", expression.Texts("values").Select(JsonAccess.Quoted))}}}}}";

    private static string PrintMap(JsonObject? map) =>
        map is null
            ? "map[string]string(nil)"
            : "map[string]string{"
                + string.Join(
                    ", ",
                    map.OrderBy(pair => pair.Key, StringComparer.Ordinal)
                        .Select(pair => $"{JsonAccess.Quoted(pair.Key)}:{JsonAccess.Quoted(pair.Value.AsText() ?? "")}")
                )
                + "}";
}
