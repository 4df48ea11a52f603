using System.Text.Json;
using System.Text.Json.Nodes;

namespace CvManager.Resources;

/// <summary>
/// Validates a ContainerVersion and returns all errors: those against the schema, and those that a schema cannot express. Used offline, by
/// imports and by the controller. Stateless, thread-safe.
/// </summary>
public static class ContainerVersionValidator
{
    private static readonly string[] PolicyNames = ["semver", "regex", "newest"];

    /// <summary>
    /// All errors of a resource as it was read: with defaults, and without the fields of a newer schema. See
    /// <see cref="ContainerVersion.ValidationErrors"/>.
    /// </summary>
    internal static IReadOnlyList<ValidationError> Validate(ContainerVersion resource) =>
        Validate(JsonSerializer.SerializeToNode(resource, ResourceJson.Options)!.AsObject());

    /// <summary>The same for a manifest, including unknown fields.</summary>
    public static IReadOnlyList<ValidationError> Validate(JsonObject manifest)
    {
        ArgumentNullException.ThrowIfNull(manifest);
        List<ValidationError> errors = [];
        RequireText(manifest, "apiVersion", $"{ContainerVersion.Group}/{ContainerVersion.Version}", errors);
        RequireText(manifest, "kind", ContainerVersion.KindName, errors);
        ValidateName(manifest["metadata"], errors);
        SchemaValidator.Validate(manifest, CustomResourceDefinition.Schema, "", errors);
        if (manifest["spec"] is JsonObject spec)
        {
            ValidateExpression("spec.versionSyntax", spec["versionSyntax"], "[0-9a-f]{7,40}", errors);
            ValidateFollowed(spec, errors);
            ValidateSelector(spec, errors);
            ValidateStrategy(spec, errors);
        }

        return errors;
    }

    /// <param name="manifest">The resource.</param>
    /// <param name="fieldName">Maps the path of a field to its name for the user (a parameter); null to use the path.</param>
    /// <exception cref="CvException"><c>ContainerVersionInvalid</c>, with every field, value and remedy.</exception>
    public static void ThrowIfInvalid(JsonObject manifest, Func<string, string>? fieldName = null)
    {
        var errors = Validate(manifest);
        if (fieldName is not null)
            errors = [.. errors.Select(error => error with { Field = fieldName(error.Field) })];
        if (errors.Count == 0)
            return;
        var name = manifest.Text("metadata", "name") ?? "(without a name)";
        throw new CvException(
            ErrorIds.ContainerVersionInvalid,
            CvErrorKind.Invalid,
            $"ContainerVersion {name} is not valid: {string.Join("; ", errors)}",
            string.Join(" ", errors.Select(e => $"{e.Field}: {e.Remedy}").Distinct())
        )
        {
            Target = name,
        };
    }

    private static void RequireText(JsonObject manifest, string field, string expected, List<ValidationError> errors)
    {
        var found = manifest.Text(field);
        if (found is null && manifest[field] is null)
            errors.Add(new ValidationError(field, "", "is required", $"Set {field}: {expected}."));
        else if (found is not null && found != expected)
            errors.Add(new ValidationError(field, $"\"{found}\"", $"must be {expected}", $"Set {field}: {expected}."));
    }

    private static void ValidateName(JsonNode? metadata, List<ValidationError> errors)
    {
        const string remedy = "Use a DNS subdomain name: lower-case letters, digits, '-' and '.', at most 253 characters.";
        if (metadata is not JsonObject map || (map["name"] is null && map["generateName"] is null))
        {
            errors.Add(new ValidationError("metadata.name", "", "is required", remedy));
        }
        else if (map["name"] is { } node && !(node.Text() is { } name && KubernetesNames.IsSubdomain(name)))
        {
            errors.Add(new ValidationError("metadata.name", node.ToJsonString(), "is not a valid Kubernetes name", remedy));
        }
    }

    private static void ValidateExpression(string field, JsonNode? value, string example, List<ValidationError> errors)
    {
        if (value.Text() is not { Length: > 0 } expression)
            return;
        try
        {
            TagExpression.Check(expression);
        }
        catch (ArgumentException e)
        {
            errors.Add(
                new ValidationError(
                    field,
                    $"\"{expression}\"",
                    $"is not a valid regular expression: {e.Message}",
                    $"Correct the expression, for example '{example}'; in YAML, put it in single quotes."
                )
            );
        }
    }

    private static void ValidateFollowed(JsonObject spec, List<ValidationError> errors)
    {
        if (spec["versionPolicy"] is not JsonObject policy)
        {
            if (spec["tag"] is null)
                errors.Add(new ValidationError("spec.tag", "", "is required", "Set the tag to follow, or spec.versionPolicy."));
            return;
        }

        if (spec["tag"] is not null)
            errors.Add(new ValidationError("spec.versionPolicy", "", "cannot be combined with spec.tag", "Remove one of the two."));
        string[] given =
        [
            .. PolicyNames.Where(name =>
                policy[name] is { } value && value.GetValueKind() is not (JsonValueKind.Null or JsonValueKind.False)
            ),
        ];
        if (given.Length != 1)
            errors.Add(
                new ValidationError(
                    "spec.versionPolicy",
                    $"\"{string.Join(", ", given)}\"",
                    "must have exactly one of semver, regex and newest: true",
                    "Set exactly one of them."
                )
            );
        if (policy["order"] is not null && !given.Contains("regex"))
            errors.Add(
                new ValidationError(
                    "spec.versionPolicy.order",
                    "",
                    "is only allowed with regex",
                    "Remove it: semver and newest define their own order."
                )
            );
        if (policy.Text("semver") is { } range && !VersionRange.TryParse(range, out _))
            errors.Add(
                new ValidationError(
                    "spec.versionPolicy.semver",
                    $"\"{range}\"",
                    "is not a valid version range",
                    "Use an npm version range, for example '>=1.2 <2', '^1.4' or '~2.1'."
                )
            );
        var before = errors.Count;
        ValidateExpression("spec.versionPolicy.regex", policy["regex"], "main-([0-9]+)", errors);
        if (
            errors.Count == before
            && policy.Text("regex") is { Length: > 0 } expression
            && TagExpression.WhyNoFirstGroup(expression) is { } why
        )
            errors.Add(
                new ValidationError(
                    "spec.versionPolicy.regex",
                    $"\"{expression}\"",
                    why,
                    "Use one capturing group, the one that orders the tags, and write other groups as (?:…)."
                )
            );
    }

    private static void ValidateSelector(JsonObject spec, List<ValidationError> errors)
    {
        if (spec["selector"] is not JsonObject selector)
            return;
        if (selector.Text(ContainerVersion.SelectorKey) is "")
        {
            errors.Add(
                new ValidationError("spec.selector.cvapp", "\"\"", "must not be empty", "Set the value of the workloads' cvapp label.")
            );
        }

        foreach ((var key, _) in selector)
        {
            if (!KubernetesNames.IsQualified(key))
            {
                errors.Add(
                    new ValidationError(
                        $"spec.selector.{key}",
                        $"\"{key}\"",
                        "is not a valid label key",
                        "Use letters, digits, '-', '_' and '.', at most 63 characters, after an optional prefix such as example.com/."
                    )
                );
            }
        }
    }

    private static void ValidateStrategy(JsonObject spec, List<ValidationError> errors)
    {
        if (spec["strategy"] is not JsonObject strategy)
            return;
        var blueGreen = strategy.Text("kind") == StrategySpec.ServiceBlueGreen;
        if (blueGreen && strategy["blueGreen"] is null)
        {
            errors.Add(
                new ValidationError(
                    "spec.strategy.blueGreen",
                    "",
                    "is required when spec.strategy.kind is ServiceBlueGreen",
                    "Set serviceName and labelNames, or use kind Rolling."
                )
            );
        }

        foreach (var gates in (string[])["verify", "postVerify"])
        {
            if (!blueGreen && strategy[gates] is JsonArray { Count: > 0 })
            {
                errors.Add(
                    new ValidationError(
                        $"spec.strategy.{gates}",
                        "",
                        "is only allowed when spec.strategy.kind is ServiceBlueGreen",
                        "Move the gates to spec.container.verify, which runs before any workload is changed, or use kind ServiceBlueGreen."
                    )
                );
            }
        }
    }
}
