using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace CvManager.Sandbox.Json;

/// <summary>
/// Reads and writes JSON objects by path. Reading never throws: a missing value, or one of another type, reads as the empty value.
/// Request bodies have been checked against their schema before.
/// </summary>
internal static class JsonAccess
{
    public static JsonNode? At(this JsonNode? node, params ReadOnlySpan<string> path)
    {
        foreach (var name in path)
        {
            if (node is not JsonObject container || !container.TryGetPropertyValue(name, out node))
                return null;
        }
        return node;
    }

    public static JsonObject? Obj(this JsonNode? node, params ReadOnlySpan<string> path) => node.At(path) as JsonObject;

    public static JsonArray? Arr(this JsonNode? node, params ReadOnlySpan<string> path) => node.At(path) as JsonArray;

    /// <summary>The objects of a list; items of other types are skipped.</summary>
    public static IEnumerable<JsonObject> Items(this JsonNode? node, params ReadOnlySpan<string> path) =>
        node.At(path) is JsonArray array ? array.OfType<JsonObject>() : [];

    /// <summary>The strings of a list; items of other types are skipped.</summary>
    public static IEnumerable<string> Texts(this JsonNode? node, params ReadOnlySpan<string> path) =>
        node.At(path) is JsonArray array ? array.Select(item => item.AsText()).OfType<string>() : [];

    /// <summary>Empty if the value is missing or not a string.</summary>
    public static string Str(this JsonNode? node, params ReadOnlySpan<string> path) => node.At(path).AsText() ?? "";

    public static long? Int(this JsonNode? node, params ReadOnlySpan<string> path) => node.At(path).AsInteger();

    public static bool Bool(this JsonNode? node, params ReadOnlySpan<string> path) =>
        node.At(path) is JsonValue value && value.TryGetValue(out bool flag) && flag;

    public static string? AsText(this JsonNode? node) => node is JsonValue value && value.TryGetValue(out string? text) ? text : null;

    /// <summary>Null if the value is not an integer.</summary>
    public static long? AsInteger(this JsonNode? node)
    {
        if (node is not JsonValue value)
            return null;
        if (value.TryGetValue(out long integer))
            return integer;
        if (value.TryGetValue(out int small))
            return small;
        return value.GetValueKind() == JsonValueKind.Number && node.AsNumber() is double number && double.IsInteger(number)
            ? (long)number
            : null;
    }

    public static double? AsNumber(this JsonNode? node)
    {
        if (node is not JsonValue value || value.GetValueKind() != JsonValueKind.Number)
            return null;
        if (value.TryGetValue(out double number))
            return number;
        return double.Parse(value.ToJsonString(), CultureInfo.InvariantCulture);
    }

    public static JsonValueKind Kind(this JsonNode? node) => node?.GetValueKind() ?? JsonValueKind.Null;

    /// <summary>The object at the path. Missing objects on the path are created.</summary>
    public static JsonObject Ensure(this JsonObject node, params ReadOnlySpan<string> path)
    {
        foreach (var name in path)
        {
            if (node[name] is JsonObject inner)
            {
                node = inner;
                continue;
            }
            var created = new JsonObject();
            node[name] = created;
            node = created;
        }
        return node;
    }

    /// <summary>Sets the field if it is missing or null.</summary>
    public static void Default(this JsonObject node, string name, JsonNode value)
    {
        if (node[name] is null)
            node[name] = value;
    }

    /// <summary>Sets a string field, or removes it if the string is empty.</summary>
    public static void SetOrRemove(this JsonObject node, string name, string value)
    {
        if (value.Length == 0)
            node.Remove(name);
        else
            node[name] = value;
    }

    public static JsonObject Clone(this JsonObject node) => (JsonObject)node.DeepClone();

    /// <summary>Deep equality. Numbers compare by value; the order of fields is ignored.</summary>
    public static bool Same(JsonNode? left, JsonNode? right)
    {
        if (ReferenceEquals(left, right))
            return true;
        switch (left, right)
        {
            case (null, _) or (_, null):
                return false;
            case (JsonObject a, JsonObject b):
                if (a.Count != b.Count)
                    return false;
                foreach (var (name, value) in a)
                {
                    if (!b.TryGetPropertyValue(name, out var other) || !Same(value, other))
                        return false;
                }
                return true;
            case (JsonArray a, JsonArray b):
                if (a.Count != b.Count)
                    return false;
                for (var i = 0; i < a.Count; i++)
                {
                    if (!Same(a[i], b[i]))
                        return false;
                }
                return true;
            case (JsonValue a, JsonValue b):
                var kind = a.GetValueKind();
                if (kind != b.GetValueKind())
                    return false;
                if (kind == JsonValueKind.String)
                    return a.GetValue<string>() == b.GetValue<string>();
                if (kind == JsonValueKind.Number)
                    return a.AsInteger() is long x && b.AsInteger() is long y ? x == y : a.AsNumber().Equals(b.AsNumber());
                return true;
            default:
                return false;
        }
    }

    /// <summary>A string as Go's %q prints it, for messages.</summary>
    public static string Quoted(string text) => JsonText.Text(JsonValue.Create(text));

    // ---- Common metadata fields.

    public static JsonObject Meta(this JsonObject node) => node.Ensure("metadata");

    public static string Name(this JsonObject node) => node.Str("metadata", "name");

    public static string Namespace(this JsonObject node) => node.Str("metadata", "namespace");

    public static string Uid(this JsonObject node) => node.Str("metadata", "uid");

    public static bool IsDeleting(this JsonObject node) => node.At("metadata", "deletionTimestamp") is not null;

    public static JsonObject? Labels(this JsonObject node) => node.Obj("metadata", "labels");

    public static JsonObject? Annotations(this JsonObject node) => node.Obj("metadata", "annotations");

    /// <summary>The owner reference with controller=true; null if there is none.</summary>
    public static JsonObject? ControllerRef(this JsonObject node) =>
        node.Items("metadata", "ownerReferences").FirstOrDefault(owner => owner.Bool("controller"));
}
