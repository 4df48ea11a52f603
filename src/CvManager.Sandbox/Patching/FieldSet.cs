using System.Text.Json.Nodes;
using CvManager.Sandbox.Json;

namespace CvManager.Sandbox.Patching;

/// <summary>
/// A set of field paths in the format of managedFields (fieldsV1): a tree whose edges are path elements (<c>f:name</c>,
/// <c>k:{"name":"a"}</c>, <c>v:"x"</c>). Mutable only while it is built.
/// </summary>
internal sealed class FieldSet
{
    private SortedDictionary<string, FieldSet>? _children;

    /// <summary>Whether the path to this node is in the set itself.</summary>
    public bool Member { get; set; }

    public bool IsEmpty => !Member && (_children is null || _children.Count == 0);

    public IEnumerable<KeyValuePair<string, FieldSet>> Children => _children ?? Enumerable.Empty<KeyValuePair<string, FieldSet>>();

    public static FieldSet Leaf() => new() { Member = true };

    public static FieldSet Parse(JsonObject? json)
    {
        var set = new FieldSet();
        foreach (var (element, inner) in json ?? [])
        {
            if (element == ".")
            {
                set.Member = true;
                continue;
            }
            var child = Parse(inner as JsonObject);
            if (inner is JsonObject { Count: 0 })
                child.Member = true;
            set.Add(element, child);
        }
        return set;
    }

    public JsonObject ToJson()
    {
        var json = new JsonObject();
        var hasChildren = _children is { Count: > 0 };
        if (Member && hasChildren)
            json["."] = new JsonObject();
        foreach (var (element, child) in Children)
            json[element] = child.ToJson();
        return json;
    }

    public FieldSet? Child(string element) => _children is not null && _children.TryGetValue(element, out var child) ? child : null;

    public void Add(string element, FieldSet? child)
    {
        if (child is null || child.IsEmpty)
            return;
        _children ??= new SortedDictionary<string, FieldSet>(StringComparer.Ordinal);
        _children[element] = _children.TryGetValue(element, out var present) ? present.Union(child) : child;
    }

    public FieldSet Union(FieldSet? other)
    {
        if (other is null || other.IsEmpty)
            return this;
        var result = new FieldSet { Member = Member || other.Member };
        foreach (var (element, child) in Children)
            result.Add(element, child);
        foreach (var (element, child) in other.Children)
            result.Add(element, child);
        return result;
    }

    /// <summary>The paths of this set that are not in the other set.</summary>
    public FieldSet Except(FieldSet? other)
    {
        if (other is null || other.IsEmpty || IsEmpty)
            return this;
        var result = new FieldSet { Member = Member && !other.Member };
        foreach (var (element, child) in Children)
            result.Add(element, child.Except(other.Child(element)));
        return result;
    }

    public FieldSet Intersect(FieldSet? other)
    {
        var result = new FieldSet();
        if (other is null)
            return result;
        result.Member = Member && other.Member;
        foreach (var (element, child) in Children)
            result.Add(element, child.Intersect(other.Child(element)));
        return result;
    }

    public bool SameAs(FieldSet other)
    {
        if (Member != other.Member || (_children?.Count ?? 0) != (other._children?.Count ?? 0))
            return false;
        foreach (var (element, child) in Children)
        {
            if (other.Child(element) is not FieldSet match || !child.SameAs(match))
                return false;
        }
        return true;
    }

    /// <summary>The paths in the format of messages: <c>.spec.template.spec.containers[name="web"].image</c>.</summary>
    public IEnumerable<string> Paths(string prefix = "")
    {
        if (Member)
            yield return prefix;
        foreach (var (element, child) in Children)
        {
            foreach (var path in child.Paths(prefix + Describe(element)))
                yield return path;
        }
    }

    private static string Describe(string element)
    {
        var text = element[2..];
        switch (element[0])
        {
            case 'f':
                return "." + text;
            case 'k':
                var keys = (JsonObject)JsonNode.Parse(text)!;
                return $"[{string.Join(",", keys.Select(key => $"{key.Key}={JsonText.Text(key.Value)}"))}]";
            case 'v':
                return $"[={text}]";
            default:
                return $"[{text}]";
        }
    }
}
