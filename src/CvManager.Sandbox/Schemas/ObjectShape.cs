using System.Text.Json;
using System.Text.Json.Nodes;
using CvManager.Sandbox.Json;

namespace CvManager.Sandbox.Schemas;

/// <summary>Prunes objects to the fields of their type, and fills in the defaults of custom schemas.</summary>
internal static class ObjectShape
{
    private static readonly Lazy<SchemaNode> ObjectMeta = new(() => BuiltInSchemas.Get("ObjectMeta"));

    /// <summary>Removes fields that the type does not have.</summary>
    /// <param name="schema">The type of the whole object.</param>
    /// <param name="body">The object, changed in place.</param>
    /// <param name="unknown">Receives the paths of the removed fields.</param>
    /// <exception cref="ObjectShapeException">A field of a built-in type has a value of another type.</exception>
    public static void Prune(SchemaNode schema, JsonObject body, List<string> unknown)
    {
        foreach (var name in body.Select(pair => pair.Key).ToList())
        {
            if (name is "apiVersion" or "kind")
                continue;
            var field = name == "metadata" ? ObjectMeta.Value : schema.Field(name);
            PruneField(schema, field, body, name, "", unknown);
        }
    }

    /// <summary>Fills in the defaults of a custom resource's schema. A default also replaces a null that is not nullable.</summary>
    public static void FillDefaults(SchemaNode schema, JsonNode? value)
    {
        switch (value)
        {
            case JsonObject fields:
                foreach (var (name, property) in schema.Properties)
                {
                    if (property.Rules?.Default is not JsonNode fallback)
                        continue;
                    if (!fields.TryGetPropertyValue(name, out var present) || (present is null && !property.Rules.Nullable))
                        fields[name] = fallback.DeepClone();
                }
                foreach (var (name, inner) in fields)
                {
                    if (schema.Field(name) is SchemaNode field)
                        FillDefaults(field, inner);
                }
                break;
            case JsonArray items when schema.Items is not null:
                foreach (var item in items)
                    FillDefaults(schema.Items, item);
                break;
        }
    }

    private static void PruneField(SchemaNode owner, SchemaNode? field, JsonObject parent, string name, string path, List<string> unknown)
    {
        var at = path.Length == 0 ? name : $"{path}.{name}";
        if (field is null)
        {
            unknown.Add(at);
            parent.Remove(name);
            return;
        }
        var builtIn = field.Rules is null && !ReferenceEquals(field, SchemaNode.Untyped);
        var value = parent[name];
        if (value is null)
        {
            // Go ignores null for a field.
            if (builtIn)
                parent.Remove(name);
            return;
        }
        if (builtIn)
            CheckType(owner, field, value, at);
        PruneValue(field, value, at, unknown);
    }

    private static void PruneValue(SchemaNode schema, JsonNode? value, string path, List<string> unknown)
    {
        if (value is JsonObject fields && !(schema.PreserveUnknown && schema.Properties.Count == 0 && schema.Values is null))
        {
            var embedded = schema.Rules?.EmbeddedResource == true;
            foreach (var name in fields.Select(pair => pair.Key).ToList())
            {
                if (embedded && name is "apiVersion" or "kind" or "metadata")
                    continue;
                PruneField(schema, schema.Field(name), fields, name, path, unknown);
            }
        }
        else if (value is JsonArray items && schema.Items is not null)
        {
            for (var i = 0; i < items.Count; i++)
            {
                if (schema.Items.Rules is null && items[i] is JsonNode item)
                    CheckType(schema, schema.Items, item, $"{path}[{i}]");
                PruneValue(schema.Items, items[i], $"{path}[{i}]", unknown);
            }
        }
    }

    private static void CheckType(SchemaNode owner, SchemaNode schema, JsonNode value, string path)
    {
        var kind = value.Kind();
        var matches = schema.Type switch
        {
            SchemaType.Object => kind == JsonValueKind.Object,
            SchemaType.Array => kind == JsonValueKind.Array,
            SchemaType.String => kind == JsonValueKind.String,
            SchemaType.Integer => value.AsInteger() is not null,
            SchemaType.Number => kind == JsonValueKind.Number,
            SchemaType.Boolean => kind is JsonValueKind.True or JsonValueKind.False,
            SchemaType.IntOrString => kind is JsonValueKind.String or JsonValueKind.Number,
            _ => true,
        };
        if (matches)
            return;
        var actual = kind switch
        {
            JsonValueKind.Object => "object",
            JsonValueKind.Array => "array",
            JsonValueKind.Number => "number",
            JsonValueKind.String => "string",
            _ => "bool",
        };
        var expected = schema.Type switch
        {
            SchemaType.Object => schema.Name.Length > 0 ? "v1." + schema.Name : "map[string]string",
            SchemaType.Array => $"[]{(schema.Items!.Name.Length > 0 ? "v1." + schema.Items.Name : "string")}",
            SchemaType.Integer => schema.Format,
            SchemaType.Boolean => "bool",
            _ => "string",
        };
        throw new ObjectShapeException($"json: cannot unmarshal {actual} into Go struct field {owner.Name}.{path} of type {expected}");
    }
}

/// <summary>A value does not have the type that the built-in schema requires.</summary>
internal sealed class ObjectShapeException(string message) : Exception(message);
