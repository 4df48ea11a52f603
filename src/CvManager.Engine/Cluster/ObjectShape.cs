using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace CvManager.Cluster;

/// <summary>
/// The fields that every Kubernetes object, list and watch event has, read with their types checked: what claims to be an API server may
/// answer anything. Of a list, one object that is not as its schema says keeps no other one from being read.
/// </summary>
internal static class ObjectShape
{
    public static JsonDocumentOptions ParseOptions { get; } = new() { MaxDepth = 128 };

    /// <summary>What System.Text.Json throws on a value of another type, a number out of range, or a name that an object has twice.</summary>
    public static bool IsFault(Exception e) =>
        e is JsonException or InvalidOperationException or FormatException or ArgumentException or OverflowException or NullReferenceException;

    /// <summary>The object, each of whose names is there once.</summary>
    public static JsonObject Whole(JsonObject json)
    {
        if (json["metadata"] is not (null or JsonObject))
            throw new JsonException("metadata is not an object");
        Materialize(json);
        return json;

        // A JsonObject is made when it is asked for, and a name that it has twice is found then (ArgumentException).
        static void Materialize(JsonNode? node)
        {
            if (node is JsonObject map)
            {
                foreach ((string _, JsonNode? value) in map)
                    Materialize(value);
            }
            else if (node is JsonArray list)
            {
                foreach (JsonNode? value in list)
                    Materialize(value);
            }
        }
    }

    /// <summary>A list or an event, whose objects are looked at one by one.</summary>
    public static JsonObject Envelope(JsonObject json)
    {
        _ = json["metadata"] is JsonObject metadata && metadata.ContainsKey("name");
        return json;
    }

    /// <summary>A page of a list. Without items it is none: to take it for an empty one would be to take everything for gone.</summary>
    public static (JsonArray? Items, string ResourceVersion, string? Continue) Page(JsonObject page, string title)
    {
        if (page["metadata"] is not JsonObject metadata || !page.TryGetPropertyValue("items", out JsonNode? items) || items is not (null or JsonArray))
            throw ClusterErrors.NoAnswer(title, "it is not a list");
        return (items as JsonArray, TextOf(metadata, "resourceVersion", title) ?? "", TextOf(metadata, "continue", title) is { Length: > 0 } more ? more : null);
    }

    /// <exception cref="CvException">The status of an event of type ERROR, or <c>ClusterAnswerInvalid</c>.</exception>
    public static WatchChange<T> Change<T>(JsonObject line, ResourcePath path, Func<JsonObject, T> read)
    {
        string type = TextOf(line, "type", path.Title) ?? throw ClusterErrors.NoAnswer(path.Title, "a watch event without a type");
        JsonNode? item = line["object"];
        if (type == "ERROR")
        {
            JsonObject? status = Readable(item);
            throw ClusterErrors.FromStatus(status?["code"] is JsonValue code && code.TryGetValue(out int number) ? number : 500, status, HttpMethod.Get, path.Title);
        }

        line.Remove("object");
        string? version = Readable(Readable(item)?["metadata"]) is { } metadata && metadata["resourceVersion"] is JsonValue value && value.TryGetValue(out string? text) ? text : null;
        if (type == "BOOKMARK")
            return new WatchChange<T>(type, item is T whole ? whole : default, version);
        return TryRead(item, path, read, out T? kept, out UnreadableObject? bad) ? new(type, kept, version) : new(type, default, version, bad);
    }

    public static bool TryRead<T>(JsonNode? item, ResourcePath path, Func<JsonObject, T> read, [NotNullWhen(true)] out T? kept, [NotNullWhen(false)] out UnreadableObject? bad)
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
            string name = NameOf(item);
            bad = new UnreadableObject(name, new CvException(ErrorIds.ObjectUnreadable, CvErrorKind.Invalid, $"The object {name} of {path.Title} could not be read: {e.Message}",
                "Fix the object. If its custom resource definition is outdated or too permissive, update it.", e) { Target = name });
        }

        return false;
    }

    /// <summary>namespace/name, as far as it has them.</summary>
    public static string NameOf(JsonNode? item)
    {
        JsonObject? metadata = Readable(Readable(item)?["metadata"]);
        string name = Name("name") ?? "(without a name)";
        return Name("namespace") is { } ns ? $"{ns}/{name}" : name;

        string? Name(string field) => metadata?[field] is JsonValue value && value.TryGetValue(out string? text) && text.Length > 0 ? text : null;
    }

    /// <summary>Null for anything but an object whose names are there once.</summary>
    private static JsonObject? Readable(JsonNode? node)
    {
        try
        {
            // The first look at a name is when one that is there twice is found.
            _ = node is JsonObject map && map.ContainsKey("metadata");
            return node as JsonObject;
        }
        catch (ArgumentException)
        {
            return null;
        }
    }

    private static string? TextOf(JsonObject map, string field, string title) => map[field] switch
    {
        null => null,
        JsonValue value when value.TryGetValue(out string? text) => text,
        _ => throw ClusterErrors.NoAnswer(title, $"{field} is not a string"),
    };
}
