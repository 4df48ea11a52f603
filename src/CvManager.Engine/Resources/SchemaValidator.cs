using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace CvManager.Resources;

/// <summary>
/// Validates JSON against a structural schema (the subset of OpenAPI v3 that our CRD uses), so that validation offline has the same limits
/// as that of the API server. The remedy is the description of the field in the schema. Stateless, thread-safe.
/// </summary>
internal static class SchemaValidator
{
    private static readonly TimeSpan PatternTimeout = TimeSpan.FromSeconds(1);

    public static void Validate(JsonNode? value, JsonObject schema, string path, List<ValidationError> errors)
    {
        var type = schema["type"]!.GetValue<string>();
        if (!HasType(value, type))
        {
            errors.Add(
                Error(path, value, $"must be {Article(type)}{(type == "string" && value is JsonValue ? " (quote it)" : "")}", schema)
            );
            return;
        }

        switch (value)
        {
            case JsonObject map:
                ValidateObject(map, schema, path, errors);
                break;
            case JsonArray array:
                ValidateArray(array, schema, path, errors);
                break;
            case JsonValue scalar when type == "string":
                ValidateString(scalar.GetValue<string>(), scalar, schema, path, errors);
                break;
            case JsonValue scalar when type == "integer":
                ValidateInteger(scalar, schema, path, errors);
                break;
        }
    }

    private static void ValidateObject(JsonObject map, JsonObject schema, string path, List<ValidationError> errors)
    {
        if (schema["required"] is JsonArray required)
        {
            foreach (var name in required.Select(n => n!.GetValue<string>()).Where(n => map[n] is null))
            {
                var about = schema["properties"]?[name] as JsonObject ?? schema;
                errors.Add(new ValidationError(Join(path, name), "", "is required", Remedy(about, Join(path, name))));
            }
        }

        if (schema["maxProperties"] is JsonValue most && map.Count > most.GetValue<int>())
            errors.Add(Error(path, map, $"has {Counted.Of(map.Count, "entry", "entries")}; at most {most} are allowed", schema));

        var properties = schema["properties"] as JsonObject;
        var additional = schema["additionalProperties"] as JsonObject;
        foreach ((var name, var item) in map)
        {
            var field = properties?[name] as JsonObject ?? additional;
            if (field is not null)
            {
                // The API server drops null for a field that is not nullable.
                if (item is not null)
                    Validate(item, field, Join(path, name), errors);
            }
            else if (properties is not null)
            {
                errors.Add(
                    new ValidationError(
                        Join(path, name),
                        Show(item),
                        "unknown field",
                        $"Remove it or correct its name; known fields: {string.Join(", ", properties.Select(p => p.Key))}."
                    )
                );
            }
        }
    }

    private static void ValidateArray(JsonArray array, JsonObject schema, string path, List<ValidationError> errors)
    {
        if (schema["maxItems"] is JsonValue most && array.Count > most.GetValue<int>())
            errors.Add(Error(path, array, $"has {Counted.Of(array.Count, "item")}; at most {most} are allowed", schema));
        if (schema["minItems"] is JsonValue least && array.Count < least.GetValue<int>())
            errors.Add(Error(path, array, $"has {Counted.Of(array.Count, "item")}; at least {least} are required", schema));
        for (var i = 0; i < array.Count; i++)
            Validate(array[i], (JsonObject)schema["items"]!, $"{path}[{i}]", errors);
    }

    private static void ValidateString(string text, JsonValue value, JsonObject schema, string path, List<ValidationError> errors)
    {
        if (schema["enum"] is JsonArray choices && !choices.Any(c => c!.GetValue<string>() == text))
            errors.Add(Error(path, value, $"must be one of {string.Join(", ", choices)}", schema));
        else if (schema["minLength"] is JsonValue least && text.Length < least.GetValue<int>())
            errors.Add(Error(path, value, "must not be empty", schema));
        else if (schema["maxLength"] is JsonValue most && Characters(text) > most.GetValue<int>())
            errors.Add(Error(path, value, $"has {Counted.Of(Characters(text), "character")}; at most {most} are allowed", schema));
        else if (schema["pattern"] is JsonValue pattern && !Matches(text, pattern.GetValue<string>()))
            errors.Add(Error(path, value, "does not match the required pattern", schema));
        else if (
            schema["format"]?.GetValue<string>() == "date-time"
            && !DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out _)
        )
            errors.Add(Error(path, value, "must be an RFC 3339 time", schema));
    }

    /// <summary>The API server counts Unicode characters, not UTF-16 units.</summary>
    private static int Characters(string text) => text.EnumerateRunes().Count();

    /// <summary>The patterns are RE2, where <c>$</c> matches only at the end; in .NET it also matches before a final line break.</summary>
    private static bool Matches(string text, string pattern) =>
        Regex.IsMatch(text, pattern.Replace("$", "\\z", StringComparison.Ordinal), RegexOptions.CultureInvariant, PatternTimeout);

    private static void ValidateInteger(JsonValue value, JsonObject schema, string path, List<ValidationError> errors)
    {
        var number = (long)value.Deserialize<decimal>();
        var least = schema["minimum"]?.Deserialize<long>() ?? long.MinValue;
        var most = schema["maximum"]?.Deserialize<long>() ?? long.MaxValue;
        if (number < least || number > most)
            errors.Add(Error(path, value, $"must be between {least} and {most}", schema));
    }

    private static bool HasType(JsonNode? value, string type) =>
        type switch
        {
            "object" => value is JsonObject,
            "array" => value is JsonArray,
            "string" => value?.GetValueKind() == JsonValueKind.String,
            "boolean" => value?.GetValueKind() is JsonValueKind.True or JsonValueKind.False,
            "integer" => value?.GetValueKind() == JsonValueKind.Number
                && decimal.TryParse(value.ToJsonString(), NumberStyles.Float, CultureInfo.InvariantCulture, out var number)
                && number == decimal.Truncate(number)
                && number is >= long.MinValue and <= long.MaxValue,
            _ => throw new InvalidOperationException($"Unsupported schema type {type}."),
        };

    private static ValidationError Error(string path, JsonNode? value, string message, JsonObject schema) =>
        new(path, Show(value), message, Remedy(schema, path));

    private static string Remedy(JsonObject schema, string path) =>
        schema["description"]?.GetValue<string>() ?? $"See 'kubectl explain {Explained(path)}'.";

    /// <summary>The deepest field on the path that kubectl explains: it knows neither indexes of arrays nor keys of maps.</summary>
    private static string Explained(string path)
    {
        List<string> fields = ["cv"];
        var schema = CustomResourceDefinition.Schema;
        foreach (var segment in path.Split('.'))
        {
            var name = segment.Split('[')[0];
            if (schema["properties"]?[name] is not JsonObject field)
                break;
            fields.Add(name);
            schema = field["items"] as JsonObject ?? field;
        }

        return string.Join('.', fields);
    }

    private static string Show(JsonNode? value)
    {
        var text = value?.ToJsonString() ?? "null";
        return text.Length <= 80 ? text : string.Concat(text.AsSpan(0, 79), "…");
    }

    private static string Join(string path, string name) => path.Length == 0 ? name : $"{path}.{name}";

    private static string Article(string type) => type is "object" or "array" or "integer" ? $"an {type}" : $"a {type}";
}
