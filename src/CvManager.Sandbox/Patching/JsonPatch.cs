using System.Globalization;
using System.Text.Json.Nodes;
using CvManager.Sandbox.Errors;
using CvManager.Sandbox.Json;

namespace CvManager.Sandbox.Patching;

/// <summary>JSON patch (RFC 6902).</summary>
internal static class JsonPatch
{
    private const int OperationLimit = 10_000;

    /// <returns>The patched document; the argument is not changed.</returns>
    /// <exception cref="ApiException">400: not a patch. 422: an operation cannot be applied, or a test failed.</exception>
    public static JsonNode? Apply(JsonNode document, JsonNode? patch)
    {
        if (patch is not JsonArray operations)
            throw ApiException.BadRequest("json: cannot unmarshal object into Go value of type jsonpatch.Patch");
        if (operations.Count > OperationLimit)
        {
            throw new ApiException(
                413,
                "RequestEntityTooLarge",
                $"The allowed maximum operations in a JSON patch is {OperationLimit}, got {operations.Count}"
            );
        }
        var root = document.DeepClone();
        foreach (var operation in operations)
        {
            var path = operation.At("path").AsText() ?? throw Rejected();
            switch (operation.Str("op"))
            {
                case "add":
                    Add(ref root, path, Value(operation));
                    break;
                case "remove":
                    Remove(ref root, path);
                    break;
                case "replace":
                    Replace(ref root, path, Value(operation));
                    break;
                case "move":
                    var moved = Get(root, From(operation))?.DeepClone();
                    Remove(ref root, From(operation));
                    Add(ref root, path, moved);
                    break;
                case "copy":
                    Add(ref root, path, Get(root, From(operation))?.DeepClone());
                    break;
                case "test":
                    if (!JsonAccess.Same(Find(root, path), Value(operation)))
                        throw Rejected();
                    break;
                default:
                    throw Rejected();
            }
        }
        return root;
    }

    private static ApiException Rejected() =>
        new(422, "Invalid", "the server rejected our request due to an error in our request") { Details = new("", "", "") };

    private static string From(JsonNode? operation) => operation.At("from").AsText() ?? throw Rejected();

    private static JsonNode? Value(JsonNode? operation) =>
        operation is JsonObject fields && fields.TryGetPropertyValue("value", out var value) ? value?.DeepClone() : throw Rejected();

    private static string[] Split(string path)
    {
        if (path.Length == 0)
            return [];
        if (path[0] != '/')
            throw Rejected();
        return
        [
            .. path[1..]
                .Split('/')
                .Select(part => part.Replace("~1", "/", StringComparison.Ordinal).Replace("~0", "~", StringComparison.Ordinal)),
        ];
    }

    private static JsonNode? Get(JsonNode? root, string path)
    {
        foreach (var part in Split(path))
            root = Child(root, part, out var found) is var child && found ? child : throw Rejected();
        return root;
    }

    /// <summary>Like <see cref="Get"/>, but null if the last segment is missing: a test for null passes, as in the API server.</summary>
    private static JsonNode? Find(JsonNode? root, string path)
    {
        var parts = Split(path);
        for (var i = 0; i < parts.Length; i++)
        {
            root = Child(root, parts[i], out var found);
            if (!found)
                return i == parts.Length - 1 ? null : throw Rejected();
        }
        return root;
    }

    private static JsonNode? Child(JsonNode? node, string part, out bool found)
    {
        switch (node)
        {
            case JsonObject fields:
                found = fields.TryGetPropertyValue(part, out var value);
                return value;
            case JsonArray items when Index(part, items.Count - 1) is int index:
                found = true;
                return items[index];
            default:
                found = false;
                return null;
        }
    }

    private static int? Index(string part, int last) =>
        int.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out var index)
        && index <= last
        && (part == "0" || part[0] != '0')
            ? index
            : null;

    private static (JsonNode Parent, string Last)? Parent(JsonNode? root, string path)
    {
        var parts = Split(path);
        if (parts.Length == 0)
            return null;
        var node = root;
        foreach (var part in parts.AsSpan(0, parts.Length - 1))
            node = Child(node, part, out var found) is var child && found ? child : throw Rejected();
        return (node ?? throw Rejected(), parts[^1]);
    }

    private static void Add(ref JsonNode? root, string path, JsonNode? value)
    {
        switch (Parent(root, path))
        {
            case null:
                root = value;
                break;
            case (JsonObject fields, var name):
                fields[name] = value;
                break;
            case (JsonArray items, "-"):
                items.Add(value);
                break;
            case (JsonArray items, var part) when Index(part, items.Count) is int index:
                items.Insert(index, value);
                break;
            default:
                throw Rejected();
        }
    }

    private static void Remove(ref JsonNode? root, string path)
    {
        switch (Parent(root, path))
        {
            case null:
                root = null;
                break;
            case (JsonObject fields, var name) when fields.Remove(name):
                break;
            case (JsonArray items, var part) when Index(part, items.Count - 1) is int index:
                items.RemoveAt(index);
                break;
            default:
                throw Rejected();
        }
    }

    private static void Replace(ref JsonNode? root, string path, JsonNode? value)
    {
        switch (Parent(root, path))
        {
            case null:
                root = value;
                break;
            case (JsonObject fields, var name) when fields.ContainsKey(name):
                fields[name] = value;
                break;
            case (JsonArray items, var part) when Index(part, items.Count - 1) is int index:
                items[index] = value;
                break;
            default:
                throw Rejected();
        }
    }
}
