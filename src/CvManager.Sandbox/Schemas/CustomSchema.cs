using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using CvManager.Sandbox.Errors;
using CvManager.Sandbox.Json;

namespace CvManager.Sandbox.Schemas;

/// <summary>Parses the structural schema of a CustomResourceDefinition (openAPIV3Schema).</summary>
internal static class CustomSchema
{
    /// <summary>Bounds the matching time, so that a pattern with excessive backtracking cannot block the cluster.</summary>
    private static readonly TimeSpan PatternLimit = TimeSpan.FromSeconds(1);

    public static SchemaNode Read(JsonObject? schema)
    {
        if (schema is null)
            return SchemaNode.Untyped;
        var intOrString = schema.Bool("x-kubernetes-int-or-string");
        var items = schema.Obj("items");
        return new SchemaNode
        {
            Type = intOrString ? SchemaType.IntOrString : TypeOf(schema.Str("type")),
            Format = schema.Str("format"),
            Properties = (schema.Obj("properties") ?? []).ToDictionary(pair => pair.Key, pair => Read(pair.Value as JsonObject)),
            Required = [.. schema.Texts("required")],
            Values =
                schema["additionalProperties"] is JsonObject values ? Read(values)
                : schema.Bool("additionalProperties") ? SchemaNode.Untyped
                : null,
            Items = items is null ? null : Read(items),
            PreserveUnknown = schema.Bool("x-kubernetes-preserve-unknown-fields"),
            Atomic = schema.Str("x-kubernetes-map-type") == "atomic",
            List = schema.Str("x-kubernetes-list-type") switch
            {
                "map" => ListType.Map,
                "set" => ListType.Set,
                _ => ListType.Atomic,
            },
            ListKeys = [.. schema.Texts("x-kubernetes-list-map-keys")],
            Description = schema.Str("description"),
            Rules = ReadRules(schema),
        };
    }

    /// <summary>Validates the most commonly violated rules of structural schemas.</summary>
    public static void ValidateStructure(JsonObject schema, string path, CauseList causes)
    {
        var untyped = schema.Bool("x-kubernetes-int-or-string") || schema.Bool("x-kubernetes-preserve-unknown-fields");
        var type = schema.Str("type");
        if (type.Length == 0 && !untyped)
            causes.Required($"{path}.type", "must not be empty for specified object fields");
        else if (type is not ("" or "object" or "array" or "string" or "integer" or "number" or "boolean"))
            causes.NotSupported($"{path}.type", type, "array", "boolean", "integer", "number", "object", "string");
        if (schema["properties"] is not null && schema["additionalProperties"] is not null)
            causes.Forbidden($"{path}.additionalProperties", "additionalProperties and properties are mutual exclusive");
        if (schema.Str("pattern") is { Length: > 0 } pattern && Compile(pattern) is null)
            causes.Invalid($"{path}.pattern", pattern, "must be a valid regular expression");
        if (type == "array" && schema.Obj("items") is null)
            causes.Required($"{path}.items", "must be specified");
        foreach (var (name, property) in schema.Obj("properties") ?? [])
            ValidateStructure(property as JsonObject ?? [], $"{path}.properties[{name}]", causes);
        if (schema.Obj("items") is JsonObject items)
            ValidateStructure(items, $"{path}.items", causes);
        if (schema["additionalProperties"] is JsonObject values)
            ValidateStructure(values, $"{path}.additionalProperties", causes);
    }

    private static ValueRules ReadRules(JsonObject schema) =>
        new()
        {
            Nullable = schema.Bool("nullable"),
            Default = schema["default"],
            Enum = schema.Arr("enum")?.ToList(),
            Pattern = schema.Str("pattern") is { Length: > 0 } pattern ? Compile(pattern) : null,
            PatternText = schema.Str("pattern"),
            Minimum = schema["minimum"].AsNumber(),
            Maximum = schema["maximum"].AsNumber(),
            ExclusiveMinimum = schema.Bool("exclusiveMinimum"),
            ExclusiveMaximum = schema.Bool("exclusiveMaximum"),
            MultipleOf = schema["multipleOf"].AsNumber(),
            MinLength = schema.Int("minLength"),
            MaxLength = schema.Int("maxLength"),
            MinItems = schema.Int("minItems"),
            MaxItems = schema.Int("maxItems"),
            UniqueItems = schema.Bool("uniqueItems"),
            MinProperties = schema.Int("minProperties"),
            MaxProperties = schema.Int("maxProperties"),
            EmbeddedResource = schema.Bool("x-kubernetes-embedded-resource"),
            AllOf = [.. schema.Items("allOf").Select(Read)],
            AnyOf = [.. schema.Items("anyOf").Select(Read)],
            OneOf = [.. schema.Items("oneOf").Select(Read)],
            Not = schema.Obj("not") is JsonObject not ? Read(not) : null,
        };

    private static SchemaType TypeOf(string text) =>
        text switch
        {
            "object" => SchemaType.Object,
            "array" => SchemaType.Array,
            "string" => SchemaType.String,
            "integer" => SchemaType.Integer,
            "number" => SchemaType.Number,
            "boolean" => SchemaType.Boolean,
            _ => SchemaType.Any,
        };

    /// <summary>Null if the pattern is invalid. The RE2 syntax that manifests use is a subset of .NET's.</summary>
    private static Regex? Compile(string pattern)
    {
        try
        {
            // '$' matches only at the very end in RE2, but also before a final line feed in .NET.
            return new Regex(
                pattern.EndsWith('$') && !pattern.EndsWith("\\$", StringComparison.Ordinal) ? pattern[..^1] + "\\z" : pattern,
                RegexOptions.CultureInvariant,
                PatternLimit
            );
        }
        catch (ArgumentException)
        {
            return null;
        }
    }
}
