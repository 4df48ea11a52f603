using System.Text.Json.Nodes;
using CvManager.Resources;
using CvManager.Support.Resources;
using Xunit;

namespace CvManager.Unit.Resources;

/// <summary>Offline validation includes the CEL rules of the schema, which API servers before 1.25 do not evaluate.</summary>
public sealed class ValidationCaseTests
{
    public static IEnumerable<TheoryDataRow<string, string, bool>> Rules =>
        ValidationCases.Rules.Select(rule => new TheoryDataRow<string, string, bool>(rule.Field, rule.Spec, rule.Accepted));

    [Theory]
    [MemberData(nameof(Rules))]
    public void Every_rule_of_the_schema_is_also_validated_offline(string field, string spec, bool accepted)
    {
        var errors = ContainerVersionValidator.Validate(ValidationCases.WithSpec(spec));

        Assert.Equal(accepted, errors.Count == 0);
        Assert.All(errors, error => Assert.StartsWith(field, error.Field, StringComparison.Ordinal));
    }

    [Fact]
    public void Rules_test_optional_fields_with_has_before_they_read_them()
    {
        // Nested defaults are not applied when the rules of a default are evaluated (Kubernetes 1.26 to 1.36 reject the definition).
        foreach (
            (var schema, var rule) in RulesOf(
                CustomResourceDefinition.Json["spec"]!["versions"]![0]!["schema"]!["openAPIV3Schema"]!.AsObject()
            )
        )
        {
            string[] required = [.. (schema["required"] as JsonArray ?? []).Select(name => name!.GetValue<string>())];
            foreach ((var name, var _) in schema["properties"] as JsonObject ?? [])
            {
                if (!required.Contains(name) && rule.Contains($"self.{name}", StringComparison.Ordinal))
                    Assert.Contains($"has(self.{name})", rule, StringComparison.Ordinal);
            }
        }
    }

    private static IEnumerable<(JsonObject Schema, string Rule)> RulesOf(JsonObject schema)
    {
        foreach (var rule in schema["x-kubernetes-validations"] as JsonArray ?? [])
            yield return (schema, rule!["rule"]!.GetValue<string>());
        IEnumerable<JsonNode?> inner =
        [
            .. (schema["properties"] as JsonObject ?? []).Select(property => property.Value),
            schema["items"],
            schema["additionalProperties"],
        ];
        foreach (var one in inner.OfType<JsonObject>())
        {
            foreach (var found in RulesOf(one))
                yield return found;
        }
    }
}
