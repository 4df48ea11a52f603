namespace CvManager.Sandbox.Schemas;

internal enum SchemaType
{
    /// <summary>Nothing is known: every value is right.</summary>
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
/// The type of one value, of a built-in type or of a custom resource: what fields it has, and how patches and apply merge it.
/// Immutable once its source is read.
/// </summary>
internal sealed class SchemaNode
{
    public static SchemaNode Untyped { get; } = new() { Type = SchemaType.Any, PreserveUnknown = true };

    public SchemaType Type { get; init; }

    /// <summary>The name and package of a built-in type; empty for others.</summary>
    public string Name { get; init; } = "";

    public string Package { get; init; } = "";

    /// <summary>int32, int64, date-time, byte …; empty where there is none.</summary>
    public string Format { get; init; } = "";

    public Dictionary<string, SchemaNode> Properties { get; init; } = [];

    /// <summary>Where a built-in type's fields are in its protobuf message; empty for others.</summary>
    public MessageLayout Message { get; init; } = new();

    public HashSet<string> Required { get; init; } = [];

    /// <summary>The type of a map's values; null where it is no map.</summary>
    public SchemaNode? Values { get; set; }

    /// <summary>The type of a list's items.</summary>
    public SchemaNode? Items { get; set; }

    /// <summary>Fields that are not declared are kept.</summary>
    public bool PreserveUnknown { get; init; }

    /// <summary>Apply owns the object as a whole.</summary>
    public bool Atomic { get; init; }

    public ListType List { get; init; }

    /// <summary>The fields that tell items of a <see cref="ListType.Map"/> apart, for apply.</summary>
    public IReadOnlyList<string> ListKeys { get; init; } = [];

    /// <summary>The field by which a strategic merge patch merges items; empty: the list is replaced, or merged by value where <see cref="List"/> is a set.</summary>
    public string MergeKey { get; init; } = "";

    /// <summary>A strategic merge patch may carry <c>$retainKeys</c>.</summary>
    public bool RetainKeys { get; init; }

    public string Description { get; init; } = "";

    /// <summary>What a custom resource's schema asks of the value beyond its type; null for built-in types.</summary>
    public ValueRules? Rules { get; init; }

    /// <summary>The type of a field; null where it is not declared.</summary>
    public SchemaNode? Field(string name) =>
        Properties.TryGetValue(name, out var field) ? field : Values ?? (PreserveUnknown ? Untyped : null);
}
