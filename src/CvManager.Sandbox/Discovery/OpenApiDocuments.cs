using System.Text.Json.Nodes;
using CvManager.Sandbox.Http;
using CvManager.Sandbox.Json;
using CvManager.Sandbox.Kinds;
using CvManager.Sandbox.Schemas;

namespace CvManager.Sandbox.Discovery;

/// <summary>
/// OpenAPI v3, one document per group and version. kubectl reads it to explain fields, and to detect server-side field validation and
/// dry run.
/// </summary>
internal sealed class OpenApiDocuments(KindCatalog catalog)
{
    /// <summary>
    /// The OpenAPI v2 document in the format that kubectl before 1.27 reads (gnostic's openapiv2.Document in protobuf: field 1 is swagger).
    /// It defines no kinds, so that kubectl leaves validation to the server.
    /// </summary>
    private static readonly byte[] EmptyVersion2 = [0x0A, 0x03, (byte)'2', (byte)'.', (byte)'0'];

    /// <summary>Null if the document does not exist.</summary>
    public ApiResponse? Handle(ApiRequest request)
    {
        switch (request.Path)
        {
            case [_, "v2"]:
                return new ApiResponse { ContentType = "application/octet-stream", Body = EmptyVersion2 };
            case [_, "v3"]:
                return ApiResponse.FromJson(Index());
            case [_, "v3", "api", var version]:
                return Document("", version);
            case [_, "v3", "apis", var group, var version]:
                return Document(group, version);
            default:
                return null;
        }
    }

    private JsonObject Index()
    {
        var paths = new JsonObject();
        foreach (var (group, version) in catalog.GroupVersions())
        {
            var path = group.Length == 0 ? $"api/{version}" : $"apis/{group}/{version}";
            // The hash changes when the served resources change, so that clients reload the document.
            paths[path] = new JsonObject { ["serverRelativeURL"] = $"/openapi/v3/{path}?hash={catalog.Generation}" };
        }
        return new JsonObject { ["paths"] = paths };
    }

    private ApiResponse? Document(string group, string version)
    {
        var schemas = new JsonObject();
        var paths = new JsonObject();
        foreach (var type in catalog.Types)
        {
            if (type.Version(group, version) is not ServedVersion served)
                continue;
            var name = DefinitionName(type, served);
            AddRoot(schemas, name, type, served);
            var root = group.Length == 0 ? $"/api/{version}" : $"/apis/{group}/{version}";
            var path = $"{root}/{(type.Namespaced ? "namespaces/{namespace}/" : "")}{type.Plural}";
            var kind = Kind(type, served);
            paths[path + "/{name}"] = new JsonObject
            {
                ["get"] = Operation("get", kind),
                ["put"] = Operation("put", kind, "dryRun", "fieldManager", "fieldValidation"),
                ["patch"] = Operation("patch", kind, "dryRun", "fieldManager", "fieldValidation", "force"),
                ["delete"] = Operation("delete", kind, "dryRun", "gracePeriodSeconds", "propagationPolicy"),
            };
            paths[path] = new JsonObject
            {
                ["get"] = Operation("list", kind, "labelSelector", "fieldSelector", "limit", "continue", "resourceVersion", "watch"),
                ["post"] = Operation("post", kind, "dryRun", "fieldManager", "fieldValidation"),
            };
        }
        if (paths.Count == 0)
            return null;
        return ApiResponse.FromJson(
            new JsonObject
            {
                ["openapi"] = "3.0.0",
                ["info"] = new JsonObject { ["title"] = "Kubernetes", ["version"] = BuiltInKinds.KubernetesVersion },
                ["paths"] = paths,
                ["components"] = new JsonObject { ["schemas"] = schemas },
            }
        );
    }

    /// <summary>The name of a type's definition: the package of a built-in type, the reversed group of a custom one.</summary>
    public static string DefinitionName(ResourceType type, ServedVersion version) =>
        type.IsCustom
            ? $"{string.Join(".", type.Group.Split('.').AsEnumerable().Reverse())}.{version.Version}.{type.Kind}"
            : DefinitionName(version.Schema);

    public static string DefinitionName(SchemaNode type) =>
        $"{type.Package}.{type.Name[(type.Name.IndexOf('.', StringComparison.Ordinal) + 1)..]}";

    private static JsonObject Kind(ResourceType type, ServedVersion version) =>
        new()
        {
            ["group"] = version.Group,
            ["kind"] = type.Kind,
            ["version"] = version.Version,
        };

    private static JsonObject Operation(string action, JsonObject kind, params string[] parameters) =>
        new()
        {
            ["parameters"] = new JsonArray([
                .. parameters.Select(name =>
                    (JsonNode)
                        new JsonObject
                        {
                            ["name"] = name,
                            ["in"] = "query",
                            ["schema"] = new JsonObject { ["type"] = "string" },
                        }
                ),
            ]),
            ["responses"] = new JsonObject { ["200"] = new JsonObject { ["description"] = "OK" } },
            ["x-kubernetes-action"] = action,
            ["x-kubernetes-group-version-kind"] = kind.DeepClone(),
        };

    private static void AddRoot(JsonObject schemas, string name, ResourceType type, ServedVersion version)
    {
        var root = Schema(version.Schema, schemas, isReferable: false);
        if (type.IsCustom)
        {
            var properties = root.Ensure("properties");
            properties["apiVersion"] = new JsonObject { ["type"] = "string" };
            properties["kind"] = new JsonObject { ["type"] = "string" };
            properties["metadata"] = Schema(BuiltInSchemas.Get("ObjectMeta"), schemas);
        }
        root["x-kubernetes-group-version-kind"] = new JsonArray(Kind(type, version));
        schemas[name] = root;
    }

    private static JsonObject Schema(SchemaNode node, JsonObject schemas, bool isReferable = true)
    {
        if (isReferable && node.Name.Length > 0)
        {
            var name = DefinitionName(node);
            if (!schemas.ContainsKey(name))
            {
                schemas[name] = new JsonObject(); // Placeholder for types that refer to themselves.
                schemas[name] = Schema(node, schemas, isReferable: false);
            }
            return new JsonObject { ["allOf"] = new JsonArray(new JsonObject { ["$ref"] = "#/components/schemas/" + name }) };
        }
        var schema = new JsonObject();
        switch (node.Type)
        {
            case SchemaType.Object:
                schema["type"] = "object";
                break;
            case SchemaType.Array:
                schema["type"] = "array";
                schema["items"] = Schema(node.Items ?? SchemaNode.Untyped, schemas);
                AddListType(schema, node);
                break;
            case SchemaType.IntOrString:
                schema["x-kubernetes-int-or-string"] = true;
                break;
            case SchemaType.Any:
                schema["x-kubernetes-preserve-unknown-fields"] = true;
                break;
            default:
                schema["type"] = node.Type.ToString().ToLowerInvariant();
                break;
        }
        schema.SetOrRemove("format", node.Format);
        schema.SetOrRemove("description", node.Description);
        if (node.Values is not null)
            schema["additionalProperties"] = Schema(node.Values, schemas);
        foreach (var (name, field) in node.Properties)
            schema.Ensure("properties")[name] = Schema(field, schemas);
        if (node.Required.Count > 0)
            schema["required"] = new JsonArray([.. node.Required.Select(name => JsonValue.Create(name))]);
        if (node.Atomic)
            schema["x-kubernetes-map-type"] = "atomic";
        return schema;
    }

    private static void AddListType(JsonObject schema, SchemaNode node)
    {
        schema["x-kubernetes-list-type"] = node.List.ToString().ToLowerInvariant();
        if (node.List == ListType.Map)
            schema["x-kubernetes-list-map-keys"] = new JsonArray([.. node.ListKeys.Select(key => JsonValue.Create(key))]);
        if (node.MergeKey.Length > 0)
        {
            schema["x-kubernetes-patch-merge-key"] = node.MergeKey;
            schema["x-kubernetes-patch-strategy"] = node.RetainKeys ? "merge,retainKeys" : "merge";
        }
        else if (node.List == ListType.Set)
        {
            schema["x-kubernetes-patch-strategy"] = "merge";
        }
    }
}
