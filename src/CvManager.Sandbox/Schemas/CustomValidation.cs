using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using CvManager.Sandbox.Errors;
using CvManager.Sandbox.Json;

namespace CvManager.Sandbox.Schemas;

/// <summary>Validates a custom resource against its schema, with the API server's messages.</summary>
internal static class CustomValidation
{
    public static void Validate(SchemaNode schema, JsonNode? value, string path, CauseList causes)
    {
        var rules = schema.Rules ?? ValueRules.None;
        if (value is null)
        {
            if (!rules.Nullable && schema.Type != SchemaType.Any)
                causes.Add(
                    "FieldValueTypeInvalid",
                    path,
                    $"Invalid value: \"null\": {path} in body must be of type {TypeName(schema)}: \"null\""
                );
            return;
        }
        if (!HasType(schema, value))
        {
            var actual = ActualType(value);
            causes.Add(
                "FieldValueTypeInvalid",
                path,
                $"Invalid value: \"{actual}\": {path} in body must be of type {TypeName(schema)}: \"{actual}\""
            );
            return;
        }
        switch (value)
        {
            case JsonObject fields:
                ValidateObject(schema, rules, fields, path, causes);
                break;
            case JsonArray items:
                ValidateList(schema, rules, items, path, causes);
                break;
            default:
                ValidateScalar(schema, rules, value, path, causes);
                break;
        }
        if (rules.Enum is not null && !rules.Enum.Any(item => JsonAccess.Same(item, value)))
            causes.NotSupported(path, value, rules.Enum.Select(item => item.AsText() ?? JsonText.Text(item)));
        foreach (var inner in rules.AllOf)
            Validate(inner, value, path, causes);
        if (rules.AnyOf.Count > 0 && !rules.AnyOf.Any(inner => Fits(inner, value)))
            causes.Invalid(path, "", $"{path} in body must validate at least one schema (anyOf)");
        if (rules.OneOf.Count > 0 && rules.OneOf.Count(inner => Fits(inner, value)) != 1)
            causes.Invalid(path, "", $"{path} in body must validate one and only one schema (oneOf)");
        if (rules.Not is not null && Fits(rules.Not, value))
            causes.Invalid(path, "", $"{path} in body must not validate the schema (not)");
    }

    private static bool Fits(SchemaNode schema, JsonNode? value)
    {
        var trial = new CauseList();
        Validate(schema, value, "", trial);
        return trial.IsEmpty;
    }

    private static void ValidateObject(SchemaNode schema, ValueRules rules, JsonObject fields, string path, CauseList causes)
    {
        foreach (var name in schema.Required)
        {
            if (!fields.ContainsKey(name))
                causes.Required(Join(path, name));
        }
        if (rules.MinProperties is long min && fields.Count < min)
            causes.Invalid(path, fields.Count, $"{path} in body should have at least {min} properties");
        if (rules.MaxProperties is long max && fields.Count > max)
            causes.Add("FieldValueTooMany", path, $"Too many: {fields.Count}: must have at most {max} items");
        foreach (var (name, value) in fields)
        {
            // The object's own metadata has already been validated by MetadataValidation.
            if (path.Length == 0 && name is "metadata" or "apiVersion" or "kind")
                continue;
            if (schema.Field(name) is SchemaNode field)
                Validate(field, value, Join(path, name), causes);
        }
    }

    private static void ValidateList(SchemaNode schema, ValueRules rules, JsonArray items, string path, CauseList causes)
    {
        if (rules.MinItems is long min && items.Count < min)
            causes.Invalid(path, items.Count, $"{path} in body should have at least {min} items");
        if (rules.MaxItems is long max && items.Count > max)
            causes.Add("FieldValueTooMany", path, $"Too many: {items.Count}: must have at most {max} items");
        if (rules.UniqueItems || schema.List == ListType.Set)
        {
            for (var i = 0; i < items.Count; i++)
            {
                if (items.Take(i).Any(other => JsonAccess.Same(other, items[i])))
                    causes.Duplicate($"{path}[{i}]", items[i]);
            }
        }
        if (schema.List == ListType.Map)
        {
            var seen = new HashSet<string>(StringComparer.Ordinal);
            for (var i = 0; i < items.Count; i++)
            {
                var key = schema.ElementOf(items[i]) ?? "";
                if (!seen.Add(key) && key.Length > 0)
                    causes.Duplicate($"{path}[{i}]", JsonNode.Parse(key[2..]));
            }
        }
        for (var i = 0; i < items.Count && schema.Items is not null; i++)
            Validate(schema.Items, items[i], $"{path}[{i}]", causes);
    }

    private static void ValidateScalar(SchemaNode schema, ValueRules rules, JsonNode value, string path, CauseList causes)
    {
        if (value.AsText() is string text)
        {
            // Lengths are counted in code points, not in UTF-16 units.
            long length = new StringInfo(text).LengthInTextElements == text.Length ? text.Length : text.EnumerateRunes().Count();
            if (rules.MinLength is long shortest && length < shortest)
                causes.Invalid(path, value.DeepClone(), $"{path} in body should be at least {shortest} chars long");
            if (rules.MaxLength is long longest && length > longest)
                causes.TooLong(path, $"may not be longer than {longest}");
            if (rules.Pattern is not null && !rules.Pattern.IsMatch(text))
                causes.Invalid(path, value.DeepClone(), $"{path} in body should match '{rules.PatternText}'");
            if (schema.Format == "date-time" && !IsDateTime(text))
                causes.Add(
                    "FieldValueTypeInvalid",
                    path,
                    $"Invalid value: {JsonAccess.Quoted(text)}: {path} in body must be of type date-time: {JsonAccess.Quoted(text)}"
                );
            return;
        }
        if (value.AsNumber() is not double number)
            return;
        if (rules.Minimum is double minimum && (rules.ExclusiveMinimum ? number <= minimum : number < minimum))
            causes.Invalid(
                path,
                value.DeepClone(),
                $"{path} in body should be greater than {(rules.ExclusiveMinimum ? "" : "or equal to ")}{Plain(minimum)}"
            );
        if (rules.Maximum is double maximum && (rules.ExclusiveMaximum ? number >= maximum : number > maximum))
            causes.Invalid(
                path,
                value.DeepClone(),
                $"{path} in body should be less than {(rules.ExclusiveMaximum ? "" : "or equal to ")}{Plain(maximum)}"
            );
        if (rules.MultipleOf is double divisor && divisor != 0 && number % divisor != 0)
            causes.Invalid(path, value.DeepClone(), $"{path} in body should be a multiple of {Plain(divisor)}");
    }

    private static bool IsDateTime(string text) =>
        text.Length >= 20
        && text[10] is 'T' or 't'
        && DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out _);

    private static string Plain(double number) => number.ToString(CultureInfo.InvariantCulture);

    private static bool HasType(SchemaNode schema, JsonNode value) =>
        schema.Type switch
        {
            SchemaType.Object => value is JsonObject,
            SchemaType.Array => value is JsonArray,
            SchemaType.String => value.Kind() == JsonValueKind.String,
            SchemaType.Integer => value.AsInteger() is not null,
            SchemaType.Number => value.Kind() == JsonValueKind.Number,
            SchemaType.Boolean => value.Kind() is JsonValueKind.True or JsonValueKind.False,
            SchemaType.IntOrString => value.Kind() == JsonValueKind.String || value.AsInteger() is not null,
            _ => true,
        };

    private static string TypeName(SchemaNode schema) =>
        schema.Type switch
        {
            SchemaType.IntOrString => "integer,string",
            _ => schema.Type.ToString().ToLowerInvariant(),
        };

    private static string ActualType(JsonNode value) =>
        value.Kind() switch
        {
            JsonValueKind.Object => "object",
            JsonValueKind.Array => "array",
            JsonValueKind.String => "string",
            JsonValueKind.Number => value.AsInteger() is null ? "number" : "integer",
            _ => "boolean",
        };

    private static string Join(string path, string name) => path.Length == 0 ? name : $"{path}.{name}";
}
