using System.Text.Json.Nodes;

namespace CvManager.Cluster;

/// <summary>
/// Builds a JSON patch (RFC 6902). The API server applies all operations or, if a test fails, none. Paths are given as field names and list
/// indexes, and are escaped here (RFC 6901).
/// </summary>
internal sealed class JsonPatch
{
    private readonly JsonArray _operations = [];

    /// <summary>The body of the request.</summary>
    public JsonNode Body => _operations;

    /// <summary>Requires the present value.</summary>
    public JsonPatch Test(IEnumerable<string> path, JsonNode? value) => Append("test", path, value);

    /// <summary>Replaces a value that must exist.</summary>
    public JsonPatch Replace(IEnumerable<string> path, JsonNode? value) => Append("replace", path, value);

    /// <summary>Adds a value, or replaces the present one.</summary>
    public JsonPatch Add(IEnumerable<string> path, JsonNode? value) => Append("add", path, value);

    private JsonPatch Append(string operation, IEnumerable<string> path, JsonNode? value)
    {
        _operations.Add(
            new JsonObject
            {
                ["op"] = operation,
                ["path"] = string.Concat(path.Select(name => $"/{Escape(name)}")),
                ["value"] = value,
            }
        );
        return this;
    }

    private static string Escape(string name) =>
        name.Replace("~", "~0", StringComparison.Ordinal).Replace("/", "~1", StringComparison.Ordinal);
}
