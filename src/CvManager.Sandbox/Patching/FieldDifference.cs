using System.Text.Json.Nodes;
using CvManager.Sandbox.Json;
using CvManager.Sandbox.Schemas;

namespace CvManager.Sandbox.Patching;

/// <summary>Compares two states of an object by owned field; scalars, atomic lists and atomic maps are one field.</summary>
internal static class FieldDifference
{
    /// <summary>Fields without an owner, because the server writes them.</summary>
    private static readonly HashSet<string> ServerMetadata = new(StringComparer.Ordinal)
    {
        "name",
        "namespace",
        "uid",
        "creationTimestamp",
        "selfLink",
        "generation",
        "managedFields",
        "resourceVersion",
    };

    /// <summary>Objects and lists that always exist in built-in types, so that setting a field in them does not add them.</summary>
    private static readonly HashSet<string> AlwaysPresent = new(StringComparer.Ordinal)
    {
        "f:metadata",
        "f:spec",
        "f:status",
        "f:strategy",
        "f:updateStrategy",
        "f:template",
        "f:jobTemplate",
        "f:containers",
    };

    /// <summary>The fields that were added or modified, and those that were removed.</summary>
    public static (FieldSet Changed, FieldSet Removed) Compare(SchemaNode schema, JsonObject? before, JsonObject after)
    {
        var changed = new FieldSet();
        var removed = new FieldSet();
        var builtIn = schema.Name.Length > 0;
        foreach (var name in Names(before, after))
        {
            if (name is "apiVersion" or "kind")
                continue;
            var element = "f:" + name;
            var (inner, innerRemoved) =
                name == "metadata"
                    ? Metadata(before?.Obj(name), after.Obj(name), builtIn)
                    : Node(schema.Field(name) ?? SchemaNode.Untyped, element, before?[name], after[name], builtIn);
            changed.Add(element, inner);
            removed.Add(element, innerRemoved);
        }
        return (changed, removed);
    }

    /// <summary>All fields that an applied configuration sets. Here only empty objects are fields of their own.</summary>
    public static FieldSet Of(SchemaNode schema, JsonObject applied)
    {
        var set = new FieldSet();
        foreach (var (name, value) in applied)
        {
            if (name is "apiVersion" or "kind")
                continue;
            if (name == "metadata")
            {
                var inner = new FieldSet();
                foreach (var (field, item) in (value as JsonObject) ?? [])
                {
                    if (!ServerMetadata.Contains(field))
                        inner.Add("f:" + field, Fields(MetadataField(field), item));
                }
                set.Add("f:metadata", inner);
                continue;
            }
            set.Add("f:" + name, Fields(schema.Field(name) ?? SchemaNode.Untyped, value));
        }
        return set;
    }

    /// <summary>Whether the fields or items of the value are owned separately.</summary>
    public static bool IsGranular(SchemaNode schema, JsonNode? value) =>
        value switch
        {
            JsonObject => !schema.Atomic && schema.Type is SchemaType.Object or SchemaType.Any,
            JsonArray => schema.Type == SchemaType.Array && schema.List != ListType.Atomic,
            _ => false,
        };

    private static FieldSet Fields(SchemaNode schema, JsonNode? value)
    {
        var set = new FieldSet();
        if (!IsGranular(schema, value) || value is JsonObject { Count: 0 } or JsonArray { Count: 0 })
        {
            set.Member = true;
        }
        else if (value is JsonObject fields)
        {
            foreach (var (name, inner) in fields)
                set.Add("f:" + name, Fields(schema.Field(name) ?? SchemaNode.Untyped, inner));
        }
        else
        {
            foreach (var item in (JsonArray)value!)
            {
                if (schema.ElementOf(item) is not string element)
                    continue;
                var inner = schema.List == ListType.Set ? FieldSet.Leaf() : Fields(schema.Items!, item);
                inner.Member = true;
                set.Add(element, inner);
            }
        }
        return set;
    }

    private static SchemaNode MetadataField(string name) => BuiltInSchemas.Get("ObjectMeta").Field(name) ?? SchemaNode.Untyped;

    private static (FieldSet? Changed, FieldSet? Removed) Metadata(JsonObject? before, JsonObject? after, bool builtIn)
    {
        var changed = new FieldSet();
        var removed = new FieldSet();
        foreach (var name in Names(before, after))
        {
            if (ServerMetadata.Contains(name))
                continue;
            var element = "f:" + name;
            var (inner, innerRemoved) = Node(MetadataField(name), element, before?[name], after?[name], builtIn);
            changed.Add(element, inner);
            removed.Add(element, innerRemoved);
        }
        return (changed, removed);
    }

    private static (FieldSet? Changed, FieldSet? Removed) Node(
        SchemaNode schema,
        string element,
        JsonNode? before,
        JsonNode? after,
        bool builtIn
    )
    {
        if (before is null && after is null)
            return (null, null);
        var granular =
            (before is null || IsGranular(schema, before))
            && (after is null || IsGranular(schema, after))
            && (before is null || after is null || before.GetValueKind() == after.GetValueKind());
        if (!granular)
        {
            if (after is null)
                return (null, FieldSet.Leaf());
            return before is null || !JsonAccess.Same(before, after) ? (FieldSet.Leaf(), null) : (null, null);
        }
        var changed = new FieldSet { Member = before is null && !(builtIn && AlwaysPresent.Contains(element)) };
        var removed = new FieldSet { Member = after is null };
        if ((before ?? after) is JsonObject)
        {
            foreach (var name in Names(before as JsonObject, after as JsonObject))
            {
                var (inner, innerRemoved) = Node(
                    schema.Field(name) ?? SchemaNode.Untyped,
                    "f:" + name,
                    before?[name],
                    after?[name],
                    builtIn
                );
                changed.Add("f:" + name, inner);
                removed.Add("f:" + name, innerRemoved);
            }
        }
        else
        {
            var left = Index(schema, before as JsonArray);
            var right = Index(schema, after as JsonArray);
            foreach (var item in left.Keys.Union(right.Keys))
            {
                var (inner, innerRemoved) =
                    schema.List == ListType.Set
                        ? (left.ContainsKey(item) ? null : FieldSet.Leaf(), right.ContainsKey(item) ? null : FieldSet.Leaf())
                        : Node(schema.Items!, item, left.GetValueOrDefault(item), right.GetValueOrDefault(item), builtIn);
                changed.Add(item, inner);
                removed.Add(item, innerRemoved);
            }
        }
        return (changed, removed);
    }

    private static Dictionary<string, JsonNode?> Index(SchemaNode schema, JsonArray? list)
    {
        var index = new Dictionary<string, JsonNode?>(StringComparer.Ordinal);
        foreach (var item in list ?? [])
        {
            if (schema.ElementOf(item) is string element)
                index[element] = item;
        }
        return index;
    }

    private static IEnumerable<string> Names(JsonObject? before, JsonObject? after)
    {
        if (before is null)
            return (after ?? []).Select(pair => pair.Key);
        var names = before.Select(pair => pair.Key);
        return after is null ? names : names.Concat(after.Select(pair => pair.Key).Where(name => !before.ContainsKey(name)));
    }
}
