using System.Text.Json;
using System.Text.Json.Nodes;

namespace CvManager;

/// <summary>Reads fields of objects that come from the API server, where any field may be missing, or of another type or range than it should be: that is the same.</summary>
internal static class JsonFields
{
    /// <summary>The node at a path of names; null where a step is missing or no object.</summary>
    public static JsonNode? At(this JsonNode? node, params ReadOnlySpan<string> path)
    {
        foreach (string name in path)
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
        node.At(path) is JsonObject map ? map.Where(e => e.Value is JsonValue).ToDictionary(e => e.Key, e => e.Value!.ToString()) : new Dictionary<string, string>();

    /// <summary>Null for a fraction and for what has no room in 64 bits. A value that was not parsed has one type of .NET alone.</summary>
    private static long? Integer(JsonValue value) => value.TryGetValue(out long number) ? number : value.TryGetValue(out int small) ? small : null;
}
