using System.Text.Json;
using System.Text.Json.Nodes;

namespace CvManager;

/// <summary>
/// Reads fields of objects from the API server and of manifests. A field with a wrong type or out of range is treated as missing.
/// </summary>
public static class JsonFields
{
    /// <summary>The node at a path of names; null if a part of the path is missing or not an object.</summary>
    public static JsonNode? At(this JsonNode? node, params ReadOnlySpan<string> path)
    {
        foreach (var name in path)
            node = (node as JsonObject)?[name];
        return node;
    }

    public static string? Text(this JsonNode? node, params ReadOnlySpan<string> path) =>
        node.At(path) is JsonValue value && value.GetValueKind() == JsonValueKind.String ? value.GetValue<string>() : null;

    public static int? Number(this JsonNode? node, params ReadOnlySpan<string> path) =>
        node.At(path) is JsonValue value && Integer(value) is >= int.MinValue and <= int.MaxValue and long number ? (int)number : null;

    public static long Long(this JsonNode? node, params ReadOnlySpan<string> path) =>
        node.At(path) is JsonValue value && Integer(value) is { } number ? number : 0;

    public static bool Flag(this JsonNode? node, params ReadOnlySpan<string> path) =>
        node.At(path) is JsonValue value && value.GetValueKind() == JsonValueKind.True;

    public static IEnumerable<JsonObject> Items(this JsonNode? node, params ReadOnlySpan<string> path) =>
        (node.At(path) as JsonArray)?.OfType<JsonObject>() ?? [];

    public static IReadOnlyDictionary<string, string> Map(this JsonNode? node, params ReadOnlySpan<string> path) =>
        node.At(path) is JsonObject map
            ? map.Where(e => e.Value is JsonValue).ToDictionary(e => e.Key, e => e.Value!.ToString())
            : new Dictionary<string, string>();

    /// <summary>Null for a fraction or a value that does not fit in 64 bits. A JsonValue created in code has only one .NET type.</summary>
    private static long? Integer(JsonValue value) =>
        value.TryGetValue(out long number) ? number
        : value.TryGetValue(out int small) ? small
        : null;
}
