using System.Text.Json.Nodes;
using CvManager.Sandbox.Errors;
using CvManager.Sandbox.Json;
using CvManager.Sandbox.Schemas;

namespace CvManager.Sandbox.Patching;

/// <summary>
/// Strategic merge patch: a merge patch that merges lists with a merge key item by item, and supports the directives <c>$patch</c>,
/// <c>$retainKeys</c>, <c>$setElementOrder/…</c> and <c>$deleteFromPrimitiveList/…</c>.
/// </summary>
internal static class StrategicMergePatch
{
    private const string Directive = "$patch";
    private const string RetainKeys = "$retainKeys";
    private const string DeleteFromList = "$deleteFromPrimitiveList/";
    private const string ElementOrder = "$setElementOrder/";

    /// <returns>The patched object; neither argument is changed.</returns>
    /// <exception cref="ApiException">400: unknown directive. 500: an item without its merge key.</exception>
    public static JsonObject Apply(SchemaNode schema, JsonObject original, JsonObject patch) =>
        MergeObject(schema, original.Clone(), patch.Clone());

    /// <summary>Merges the patch into the target. Consumes the patch.</summary>
    private static JsonObject MergeObject(SchemaNode schema, JsonObject target, JsonObject patch)
    {
        if (patch.Remove(Directive, out var directive))
        {
            switch (directive.AsText())
            {
                case "replace":
                    return patch;
                case "delete":
                    return [];
                case "merge":
                    break;
                default:
                    throw ApiException.BadRequest($"unknown patch type found: {directive.AsText()}");
            }
        }
        if (patch.Remove(RetainKeys, out var retained))
        {
            var keep = (retained as JsonArray ?? []).Select(item => item.AsText()).ToHashSet();
            foreach (var name in target.Select(pair => pair.Key).Where(name => !keep.Contains(name)).ToList())
                target.Remove(name);
        }
        foreach (var name in Take(patch, DeleteFromList, out var removals))
            RemoveValues(target, name, removals[name]);
        Take(patch, ElementOrder, out var orders);
        foreach (var name in patch.Select(pair => pair.Key).ToList())
        {
            var field = schema.Field(name) ?? SchemaNode.Untyped;
            patch.Remove(name, out var value);
            if (value is null)
                target.Remove(name);
            else if (value is JsonObject fields)
                MergeField(field, target, name, fields);
            else if (value is JsonArray items)
                target[name] = MergeList(field, target[name] as JsonArray, items, name);
            else
                target[name] = value;
        }
        foreach (var (name, order) in orders)
            Reorder(schema.Field(name) ?? SchemaNode.Untyped, target, name, order);
        return target;
    }

    private static void MergeField(SchemaNode field, JsonObject target, string name, JsonObject patch)
    {
        if (target[name] is JsonObject present)
        {
            target.Remove(name);
            var merged = MergeObject(field, present, patch);
            target[name] = merged;
            return;
        }
        target[name] = MergeObject(field, [], patch);
    }

    private static JsonArray MergeList(SchemaNode schema, JsonArray? present, JsonArray patch, string name)
    {
        if (schema.MergeKey.Length == 0 && schema.List != ListType.Set)
            return patch;
        if (schema.List == ListType.Set)
        {
            var values = (JsonArray?)present?.DeepClone() ?? [];
            foreach (var item in patch)
            {
                if (!values.Any(other => JsonAccess.Same(other, item)))
                    values.Add(item?.DeepClone());
            }
            return values;
        }
        if (patch.OfType<JsonObject>().Any(item => item.Str(Directive) == "replace"))
        {
            return new JsonArray([
                .. patch.OfType<JsonObject>().Where(item => item.Str(Directive) != "replace").Select(item => item.DeepClone()),
            ]);
        }
        var result = (JsonArray?)present?.DeepClone() ?? [];
        foreach (var entry in patch)
        {
            var item = (entry as JsonObject)?.Clone() ?? throw NoKey(entry, schema.MergeKey);
            if (item[schema.MergeKey] is not JsonNode key)
                throw NoKey(entry, schema.MergeKey);
            var at = IndexOf(result, schema.MergeKey, key);
            if (item.Str(Directive) == "delete")
            {
                while (at >= 0)
                {
                    result.RemoveAt(at);
                    at = IndexOf(result, schema.MergeKey, key);
                }
            }
            else if (at < 0)
            {
                result.Add((JsonNode)MergeObject(schema.Items!, [], item));
            }
            else
            {
                result[at] = MergeObject(schema.Items!, (JsonObject)result[at]!.DeepClone(), item);
            }
        }
        return result;
    }

    private static ApiException NoKey(JsonNode? item, string key) =>
        new(500, "", $"map: {JsonText.Text(item)} does not contain declared merge key: {key}");

    /// <summary>Removes the directives with the given prefix from a patch and returns them.</summary>
    private static List<string> Take(JsonObject patch, string prefix, out Dictionary<string, JsonArray> lists)
    {
        lists = new Dictionary<string, JsonArray>(StringComparer.Ordinal);
        foreach (var name in patch.Select(pair => pair.Key).Where(key => key.StartsWith(prefix, StringComparison.Ordinal)).ToList())
        {
            patch.Remove(name, out var list);
            lists[name[prefix.Length..]] = list as JsonArray ?? [];
        }
        return [.. lists.Keys];
    }

    private static void RemoveValues(JsonObject target, string name, JsonArray values)
    {
        if (target[name] is not JsonArray list)
            return;
        foreach (var removed in list.Where(item => values.Any(value => JsonAccess.Same(item, value))).ToList())
            list.Remove(removed);
    }

    /// <summary>Puts the listed items into the given order; the others keep their positions.</summary>
    private static void Reorder(SchemaNode schema, JsonObject target, string name, JsonArray order)
    {
        if (target[name] is not JsonArray list)
            return;
        var items = list.ToList();
        list.Clear();
        var ranked = items.Select(item => (Item: item, Rank: Rank(schema, order, item))).ToList();
        var named = new Queue<JsonNode?>(ranked.Where(pair => pair.Rank >= 0).OrderBy(pair => pair.Rank).Select(pair => pair.Item));
        foreach (var (item, rank) in ranked)
            list.Add(rank < 0 ? item : named.Dequeue());
    }

    private static int Rank(SchemaNode schema, JsonArray order, JsonNode? item)
    {
        for (var i = 0; i < order.Count; i++)
        {
            var same =
                schema.MergeKey.Length > 0
                    ? JsonAccess.Same(order[i].At(schema.MergeKey), item.At(schema.MergeKey))
                    : JsonAccess.Same(order[i], item);
            if (same)
                return i;
        }
        return -1;
    }

    private static int IndexOf(JsonArray list, string mergeKey, JsonNode key)
    {
        for (var i = 0; i < list.Count; i++)
        {
            if (JsonAccess.Same(list[i].At(mergeKey), key))
                return i;
        }
        return -1;
    }
}
