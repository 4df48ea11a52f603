using System.Text.Json;
using System.Text.Json.Nodes;
using CvManager.Sandbox.Errors;
using CvManager.Sandbox.Json;
using CvManager.Sandbox.Patching;
using CvManager.Sandbox.Schemas;
using CvManager.Sandbox.Storage;

namespace CvManager.Sandbox.Api;

/// <summary>
/// Server-side apply: merges the applied configuration into the object and makes the manager the owner of its fields. Fields that the
/// manager applied before but omits now are removed, unless another manager owns them too.
/// </summary>
internal static class ServerSideApply
{
    /// <returns>The merged object in the storage version, and its field owners.</returns>
    /// <exception cref="ApiException">400; 409 with the conflicts; 422 if fieldManager is missing.</exception>
    public static (JsonObject Body, FieldOwners Owners) Merge(ObjectRequest request, WriteContext context, StoredObject? live, string now)
    {
        CheckOptions(request);
        var applied = Read(request, context);
        var schema = request.Type.Storage.Schema;
        if (request.Version.HasStatus && request.Subresource != "status")
            applied.Remove("status");
        var revision = applied.Str("metadata", "resourceVersion");
        var fields = FieldDifference.Of(schema, applied);
        var manager = new FieldManager(context.FieldManager, request.Version.ApiVersion, request.Subresource, now);
        if (live is null)
        {
            var owner = new FieldOwner(manager.Name, FieldOwner.Apply, manager.ApiVersion, manager.Subresource, now, fields);
            return (applied, new FieldOwners([owner]));
        }
        var own = live.Owners.Entries.FirstOrDefault(entry => entry.Is(manager, FieldOwner.Apply));
        var others = live.Owners.Entries.Where(entry => !ReferenceEquals(entry, own)).ToList();
        var merged = live.Body.Clone();
        MergeFields(schema, merged, applied, isRoot: true);
        var (changed, _) = FieldDifference.Compare(schema, live.Body, merged);
        if (!request.Query.Flag("force"))
            CheckConflicts(others, changed);
        others = [.. others.Select(entry => entry with { Fields = entry.Fields.Except(changed) }).Where(entry => !entry.Fields.IsEmpty)];
        if (own is not null)
        {
            var kept = others.Aggregate(fields, (all, entry) => all.Union(entry.Fields));
            Remove(schema, merged, own.Fields.Except(fields), kept, isRoot: true);
        }
        var same = own is not null && own.Fields.SameAs(fields);
        others.Add(new FieldOwner(manager.Name, FieldOwner.Apply, manager.ApiVersion, manager.Subresource, same ? own!.Time : now, fields));
        merged.Meta()["resourceVersion"] = revision.Length > 0 ? revision : live.Body.Str("metadata", "resourceVersion");
        return (merged, new FieldOwners(others));
    }

    private static void CheckOptions(ObjectRequest request)
    {
        if (request.Query["fieldManager"].Length == 0)
        {
            throw ApiException.Invalid(
                "meta.k8s.io",
                "PatchOptions",
                "",
                [new StatusCause("FieldValueRequired", "Required value: is required for apply patch", "fieldManager")]
            );
        }
    }

    private static JsonObject Read(ObjectRequest request, WriteContext context)
    {
        JsonNode? node;
        try
        {
            node = request.Body.AsSpan().TrimStart(" \t\r\n"u8).StartsWith("{"u8)
                ? JsonText.Parse(request.Body)
                : YamlText.Parse(request.Body);
        }
        catch (JsonException e)
        {
            throw ApiException.BadRequest("error decoding YAML: " + e.Message);
        }
        if (node is not JsonObject applied)
            throw ApiException.BadRequest("error decoding YAML: the applied configuration is not an object");
        if (applied.Str("kind") is { Length: > 0 } kind && kind != request.Type.Kind)
            throw ApiException.BadRequest($"invalid object type: {applied.Str("apiVersion")}, Kind={kind}");
        if (applied.Str("apiVersion") != request.Version.ApiVersion)
            throw ApiException.BadRequest(
                $"Incorrect version specified in apply patch. Specified patch version: {applied.Str("apiVersion")}, expected: {request.Version.ApiVersion}"
            );
        if (applied.Arr("metadata", "managedFields") is { Count: > 0 })
            throw ApiException.BadRequest("metadata.managedFields must be nil");
        applied = BodyReader.Shape(request, applied, context);
        var meta = applied.Meta();
        if (meta.Str("name") is { Length: > 0 } name && name != request.Name)
            throw ApiException.BadRequest($"the name of the object ({name}) does not match the name on the URL ({request.Name})");
        meta["name"] = request.Name;
        if (meta.Str("namespace") is { Length: > 0 } ns && request.Type.Namespaced && ns != request.Namespace)
            throw ApiException.BadRequest(
                $"the namespace of the object ({ns}) does not match the namespace on the request ({request.Namespace})"
            );
        meta.Remove("managedFields");
        return applied;
    }

    private static void CheckConflicts(List<FieldOwner> others, FieldSet changed)
    {
        var conflicts = others
            .Select(entry => (Owner: entry, Paths: entry.Fields.Intersect(changed).Paths().ToList()))
            .Where(conflict => conflict.Paths.Count > 0)
            .ToList();
        if (conflicts.Count == 0)
            return;
        var causes = conflicts
            .SelectMany(conflict =>
                conflict.Paths.Select(path => new StatusCause("FieldManagerConflict", "conflict with " + Describe(conflict.Owner), path))
            )
            .ToList();
        var text =
            causes.Count == 1
                ? $"{causes[0].Message}: {causes[0].Field}"
                : string.Join(
                    "\n",
                    conflicts.Select(conflict =>
                        $"conflicts with {Describe(conflict.Owner)}:\n{string.Join("\n", conflict.Paths.Select(path => "- " + path))}"
                    )
                );
        throw new ApiException(409, "Conflict", $"Apply failed with {causes.Count} conflict{(causes.Count == 1 ? "" : "s")}: {text}")
        {
            Details = new("", "", "") { Causes = causes },
        };
    }

    private static string Describe(FieldOwner owner)
    {
        var text = JsonAccess.Quoted(owner.Manager);
        if (owner.Subresource.Length > 0)
            text += $" with subresource {JsonAccess.Quoted(owner.Subresource)}";
        return owner.Operation == FieldOwner.Update ? $"{text} using {owner.ApiVersion} at {owner.Time}" : text;
    }

    private static SchemaNode FieldOf(SchemaNode schema, string name, bool isRoot) =>
        (isRoot && name == "metadata" ? BuiltInSchemas.Get("ObjectMeta") : schema.Field(name)) ?? SchemaNode.Untyped;

    private static void MergeFields(SchemaNode schema, JsonObject target, JsonObject applied, bool isRoot = false)
    {
        foreach (var (name, value) in applied)
            target[name] = MergeValue(FieldOf(schema, name, isRoot), target[name], value);
    }

    private static JsonNode? MergeValue(SchemaNode schema, JsonNode? present, JsonNode? applied)
    {
        if (present is null || !FieldDifference.IsGranular(schema, applied) || !FieldDifference.IsGranular(schema, present))
            return applied?.DeepClone();
        if (applied is JsonObject fields)
        {
            var merged = ((JsonObject)present).Clone();
            MergeFields(schema, merged, fields);
            return merged;
        }
        var list = (JsonArray)present.DeepClone();
        foreach (var item in (JsonArray)applied!)
        {
            var element = schema.ElementOf(item);
            var at = IndexOf(schema, list, element);
            if (at < 0)
                list.Add(item?.DeepClone());
            else if (schema.List == ListType.Map)
                list[at] = MergeValue(schema.Items!, list[at], item);
        }
        return list;
    }

    /// <summary>Removes fields, except those that are kept or contain kept fields.</summary>
    private static void Remove(SchemaNode schema, JsonNode? node, FieldSet removed, FieldSet? kept, bool isRoot = false)
    {
        foreach (var (element, inner) in removed.Children)
        {
            var innerKept = kept?.Child(element);
            var removeAll = inner.Member && innerKept is null or { IsEmpty: true };
            if (node is JsonObject fields)
            {
                var name = element[2..];
                if (removeAll)
                {
                    fields.Remove(name);
                    continue;
                }
                Remove(FieldOf(schema, name, isRoot), fields[name], inner, innerKept);
                if (fields[name] is JsonObject { Count: 0 } or JsonArray { Count: 0 } && innerKept is null or { IsEmpty: true })
                    fields.Remove(name);
            }
            else if (node is JsonArray list)
            {
                var at = IndexOf(schema, list, element);
                if (at < 0)
                    continue;
                if (removeAll)
                    list.RemoveAt(at);
                else
                    Remove(schema.Items!, list[at], inner, innerKept);
            }
        }
    }

    private static int IndexOf(SchemaNode schema, JsonArray list, string? element)
    {
        for (var i = 0; i < list.Count; i++)
        {
            if (schema.ElementOf(list[i]) == element)
                return i;
        }
        return -1;
    }
}
