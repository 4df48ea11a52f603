using System.Text.Json.Nodes;
using CvManager.Sandbox.Json;
using CvManager.Sandbox.Schemas;

namespace CvManager.Sandbox.Patching;

/// <summary>The writer of a change, for metadata.managedFields.</summary>
internal sealed record FieldManager(string Name, string ApiVersion, string Subresource, string Time);

/// <summary>One entry of metadata.managedFields.</summary>
internal sealed record FieldOwner(string Manager, string Operation, string ApiVersion, string Subresource, string Time, FieldSet Fields)
{
    public const string Update = nameof(Update);
    public const string Apply = nameof(Apply);

    public bool Is(FieldManager manager, string operation) =>
        Operation == operation
        && Manager == manager.Name
        && Subresource == manager.Subresource
        && (operation == Apply || ApiVersion == manager.ApiVersion);
}

/// <summary>The metadata.managedFields of one object. Immutable.</summary>
internal sealed class FieldOwners(IReadOnlyList<FieldOwner> entries)
{
    public static FieldOwners None { get; } = new([]);

    public IReadOnlyList<FieldOwner> Entries => entries;

    public static FieldOwners Parse(JsonArray? json) =>
        json is null or { Count: 0 }
            ? None
            : new FieldOwners([
                .. json.OfType<JsonObject>()
                    .Where(entry => entry.Count > 0)
                    .Select(entry => new FieldOwner(
                        entry.Str("manager"),
                        entry.Str("operation"),
                        entry.Str("apiVersion"),
                        entry.Str("subresource"),
                        entry.Str("time"),
                        FieldSet.Parse(entry.Obj("fieldsV1"))
                    )),
            ]);

    public JsonArray ToJson() =>
        new([
            .. entries
                .OrderBy(entry => entry.Operation, StringComparer.Ordinal)
                .ThenBy(entry => entry.Time, StringComparer.Ordinal)
                .ThenBy(entry => entry.Manager, StringComparer.Ordinal)
                .Select(ToJson),
        ]);

    /// <summary>The owners after an update: the writer owns the fields it added or changed; removed fields have no owner.</summary>
    public FieldOwners AfterUpdate(SchemaNode schema, JsonObject? before, JsonObject after, FieldManager manager)
    {
        var (changed, removed) = FieldDifference.Compare(schema, before, after);
        if (changed.IsEmpty && removed.IsEmpty)
            return this;
        var result = new List<FieldOwner>(entries.Count + 1);
        var found = false;
        foreach (var entry in entries)
        {
            var own = entry.Is(manager, FieldOwner.Update);
            found |= own;
            var fields = own ? entry.Fields.Union(changed).Except(removed) : entry.Fields.Except(changed).Except(removed);
            if (!fields.IsEmpty)
                result.Add(own ? entry with { Fields = fields, Time = manager.Time } : entry with { Fields = fields });
        }
        if (!found && !changed.IsEmpty)
            result.Add(new FieldOwner(manager.Name, FieldOwner.Update, manager.ApiVersion, manager.Subresource, manager.Time, changed));
        return new FieldOwners(result);
    }

    private static JsonObject ToJson(FieldOwner entry)
    {
        var json = new JsonObject
        {
            ["manager"] = entry.Manager,
            ["operation"] = entry.Operation,
            ["apiVersion"] = entry.ApiVersion,
            ["time"] = entry.Time,
            ["fieldsType"] = "FieldsV1",
            ["fieldsV1"] = entry.Fields.ToJson(),
        };
        json.SetOrRemove("subresource", entry.Subresource);
        return json;
    }
}
