using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace CvManager.Cluster;

/// <summary>
/// Reads the fields that every Kubernetes object, list and watch event has, and checks their types: a response may contain anything.
/// An object that does not match its schema does not prevent the other objects of a list from being read.
/// </summary>
internal static class ObjectShape
{
    public static JsonDocumentOptions ParseOptions { get; } = new() { MaxDepth = 128 };

    /// <summary>
    /// True for the exceptions of System.Text.Json for a value of the wrong type, a number out of range or a duplicate name.
    /// </summary>
    public static bool IsFault(Exception e) =>
        e
            is JsonException
                or InvalidOperationException
                or FormatException
                or ArgumentException
                or OverflowException
                or NullReferenceException;

    /// <summary>Checks that metadata is an object and that no object in it has a duplicate name, and returns the object.</summary>
    public static JsonObject Validate(JsonObject json)
    {
        if (json["metadata"] is not (null or JsonObject))
            throw new JsonException("metadata is not an object");
        Materialize(json);
        return json;

        // System.Text.Json creates a JsonObject on first access and only then finds duplicate names (ArgumentException).
        static void Materialize(JsonNode? node)
        {
            if (node is JsonObject map)
            {
                foreach ((var _, var value) in map)
                    Materialize(value);
            }
            else if (node is JsonArray list)
            {
                foreach (var value in list)
                    Materialize(value);
            }
        }
    }

    /// <summary>Checks the metadata of a list or event; its objects are checked one by one.</summary>
    public static JsonObject Envelope(JsonObject json)
    {
        _ = json["metadata"] is JsonObject metadata && metadata.ContainsKey("name");
        return json;
    }

    /// <summary>
    /// A page of a list. A response without items is an error: treating it as an empty list would mean that all objects were deleted.
    /// </summary>
    public static (IEnumerable<JsonElement> Items, string ResourceVersion, string? Continue) Page(JsonElement page, string title)
    {
        if (
            page.ValueKind != JsonValueKind.Object
            || !page.TryGetProperty("metadata", out var envelope)
            || JsonObject.Create(envelope.Clone()) is not { } metadata
            || !page.TryGetProperty("items", out var items)
            || items.ValueKind is not (JsonValueKind.Null or JsonValueKind.Array)
        )
            throw ClusterErrors.InvalidResponse(title, "it is not a list");
        return (
            items.ValueKind == JsonValueKind.Array ? items.EnumerateArray() : [],
            TextOf(metadata, "resourceVersion", title) ?? "",
            TextOf(metadata, "continue", title) is { Length: > 0 } more ? more : null
        );
    }

    /// <exception cref="CvException">The status of an event of type ERROR, or <c>ClusterResponseInvalid</c>.</exception>
    public static WatchChange<T> Change<T>(JsonObject line, ResourcePath path, Func<JsonObject, T> read)
    {
        var type = TextOf(line, "type", path.Title) ?? throw ClusterErrors.InvalidResponse(path.Title, "a watch event without a type");
        var item = line["object"];
        if (type == "ERROR")
        {
            var status = AsObject(item);
            throw ClusterErrors.FromStatus(
                status?["code"] is JsonValue code && code.TryGetValue(out int number) ? number : 500,
                status,
                HttpMethod.Get,
                path.Title
            );
        }

        line.Remove("object");
        var version =
            AsObject(AsObject(item)?["metadata"]) is { } metadata
            && metadata["resourceVersion"] is JsonValue value
            && value.TryGetValue(out string? text)
                ? text
                : null;
        if (type == "BOOKMARK")
            return new WatchChange<T>(type, item is T bookmark ? bookmark : default, version);
        return TryRead(item, path, read, out var kept, out var bad) ? new(type, kept, version) : new(type, default, version, bad);
    }

    public static bool TryRead<T>(
        JsonNode? item,
        ResourcePath path,
        Func<JsonObject, T> read,
        [NotNullWhen(true)] out T? kept,
        [NotNullWhen(false)] out UnreadableObject? bad
    )
    {
        (kept, bad) = (default, null);
        try
        {
            kept = read(item as JsonObject ?? throw new JsonException("not a JSON object"))!;
            return true;
        }
        catch (CvException e)
        {
            bad = new UnreadableObject(NameOf(item), e);
        }
        catch (Exception e) when (IsFault(e))
        {
            var name = NameOf(item);
            bad = new UnreadableObject(
                name,
                new CvException(
                    ErrorIds.ObjectUnreadable,
                    CvErrorKind.Invalid,
                    $"The object {name} of {path.Title} could not be read: {e.Message}",
                    "Fix the object. If its custom resource definition is outdated or too permissive, update it.",
                    e
                )
                {
                    Target = name,
                }
            );
        }

        return false;
    }

    /// <summary>namespace/name, as far as present.</summary>
    public static string NameOf(JsonNode? item)
    {
        var metadata = AsObject(AsObject(item)?["metadata"]);
        var name = Name("name") ?? "(without a name)";
        return Name("namespace") is { } ns ? $"{ns}/{name}" : name;

        string? Name(string field) =>
            metadata?[field] is JsonValue value && value.TryGetValue(out string? text) && text.Length > 0 ? text : null;
    }

    /// <summary>The node as an object; null if it is not an object or has duplicate names.</summary>
    private static JsonObject? AsObject(JsonNode? node)
    {
        try
        {
            // The first access finds duplicate names.
            _ = node is JsonObject map && map.ContainsKey("metadata");
            return node as JsonObject;
        }
        catch (ArgumentException)
        {
            return null;
        }
    }

    private static string? TextOf(JsonObject map, string field, string title) =>
        map[field] switch
        {
            null => null,
            JsonValue value when value.TryGetValue(out string? text) => text,
            _ => throw ClusterErrors.InvalidResponse(title, $"{field} is not a string"),
        };
}
