using System.Text.Json.Nodes;
using CvManager.Sandbox.Json;

namespace CvManager.Sandbox.Schemas;

internal enum SchemaType
{
    /// <summary>Unknown: every value is valid.</summary>
    Any,
    Object,
    Array,
    String,
    Integer,
    Number,
    Boolean,
    IntOrString,
}

internal enum ListType
{
    Atomic,
    Set,
    Map,
}

/// <summary>
/// The schema of a value, in a built-in type or a custom resource: its fields, and how patches and apply merge it. Immutable after its
/// source has been read.
/// </summary>
internal sealed class SchemaNode
{
    public static SchemaNode Untyped { get; } = new() { Type = SchemaType.Any, PreserveUnknown = true };

    public SchemaType Type { get; init; }

    /// <summary>The name and package of a built-in type; empty for others.</summary>
    public string Name { get; init; } = "";

    public string Package { get; init; } = "";

    /// <summary>int32, int64, date-time, byte …; empty for none.</summary>
    public string Format { get; init; } = "";

    public Dictionary<string, SchemaNode> Properties { get; init; } = [];

    /// <summary>The protobuf message of a built-in type; empty for others.</summary>
    public MessageLayout Message { get; init; } = new();

    public HashSet<string> Required { get; init; } = [];

    /// <summary>The type of a map's values; null if this is not a map.</summary>
    public SchemaNode? Values { get; set; }

    /// <summary>The type of a list's items.</summary>
    public SchemaNode? Items { get; set; }

    /// <summary>Whether undeclared fields are kept.</summary>
    public bool PreserveUnknown { get; init; }

    /// <summary>Whether apply treats the object as a single field.</summary>
    public bool Atomic { get; init; }

    public ListType List { get; init; }

    /// <summary>The fields that identify the items of a <see cref="ListType.Map"/> for apply.</summary>
    public IReadOnlyList<string> ListKeys { get; init; } = [];

    /// <summary>
    /// The field by which a strategic merge patch merges items. If empty, a set is merged by value and another list is replaced.
    /// </summary>
    public string MergeKey { get; init; } = "";

    /// <summary>Whether strategic merge patches use <c>$retainKeys</c>.</summary>
    public bool RetainKeys { get; init; }

    public string Description { get; init; } = "";

    /// <summary>The value validations of a custom resource's schema; null for built-in types.</summary>
    public ValueRules? Rules { get; init; }

    /// <summary>The type of a field; null if it is not declared.</summary>
    public SchemaNode? Field(string name) =>
        Properties.TryGetValue(name, out var field) ? field : Values ?? (PreserveUnknown ? Untyped : null);

    /// <summary>The path element of an item of an associative list; null if the item lacks the keys.</summary>
    public string? ElementOf(JsonNode? item)
    {
        if (List == ListType.Set)
            return "v:" + JsonText.Text(item);
        if (item is not JsonObject entry)
            return null;
        var keys = new JsonObject();
        foreach (var key in ListKeys.Order(StringComparer.Ordinal))
        {
            if (entry[key] is JsonNode value)
                keys[key] = value.DeepClone();
            else if (key == "protocol")
                keys[key] = "TCP"; // The only key with a default.
            else if (ListKeys.Count == 1)
                return null;
        }
        return keys.Count == 0 ? null : "k:" + JsonText.Text(keys);
    }
}
