using System.Text.Json.Nodes;
using CvManager.Sandbox.Discovery;
using CvManager.Sandbox.Errors;
using CvManager.Sandbox.Http;
using CvManager.Sandbox.Json;
using CvManager.Sandbox.Kinds;
using CvManager.Sandbox.Schemas;
using CvManager.Sandbox.Storage;

namespace CvManager.Sandbox.Api;

/// <summary>
/// The API server without a transport: maps a request to a response. Thread-safe: requests are processed one at a time under the store's
/// lock. Client errors are returned as responses, never thrown.
/// </summary>
internal sealed class ApiServer(
    SandboxOptions options,
    string token,
    ObjectStore store,
    KindCatalog catalog,
    ObjectReader reader,
    ObjectRequests objects,
    Subresources subresources
)
{
    /// <summary>The API server's own limit on request bodies, 3 MiB.</summary>
    public const int BodyLimit = 3 * 1024 * 1024;

    private static readonly string[] RootPaths =
    [
        "/api",
        "/api/v1",
        "/apis",
        "/healthz",
        "/livez",
        "/openapi/v2",
        "/openapi/v3",
        "/readyz",
        "/version",
    ];

    private readonly DiscoveryDocuments _discovery = new(catalog);
    private readonly OpenApiDocuments _openApi = new(catalog);

    public async ValueTask<ApiResponse> HandleAsync(ApiRequest request, CancellationToken cancellationToken)
    {
        ApiResponse response;
        try
        {
            Authenticate(request);
            var body = request.Body is null ? [] : await ReadBodyAsync(request.Body, cancellationToken);
            lock (store.Gate)
                response = Route(request, body);
        }
        catch (ApiException e)
        {
            response = ApiResponse.FromError(e);
        }
        options.RequestLog?.Invoke(
            new SandboxRequestRecord(
                options.TimeProvider.GetUtcNow(),
                request.Method,
                request.RawPathAndQuery,
                request.UserAgent,
                response.StatusCode
            )
        );
        return response;
    }

    private ApiResponse Route(ApiRequest request, byte[] body)
    {
        switch (request.Path)
        {
            case ["healthz" or "livez" or "readyz", ..]:
                return ApiResponse.FromText("ok");
            case ["version"]:
                return ApiResponse.FromJson(Version());
            case []:
                return ApiResponse.FromJson(Paths());
            case ["api"]:
                return ApiResponse.FromJson(DiscoveryDocuments.CoreVersions("127.0.0.1"));
            case ["apis"]:
                return ApiResponse.FromJson(_discovery.Groups());
            case ["apis", var group]:
                return Document(_discovery.Group(group));
            case ["api", var version]:
                return Document(_discovery.Resources("", version));
            case ["apis", var group, var version]:
                return Document(_discovery.Resources(group, version));
            case ["openapi", ..]:
                return _openApi.Handle(request) ?? PageNotFound();
            case ["apis", "authorization.k8s.io", "v1", "selfsubjectaccessreviews"]:
                return AccessReview(request, body);
            case ["apis", "authentication.k8s.io", "v1", "selfsubjectreviews"]:
                return SelfReview(request);
            case ["api", var version, .. var rest]:
                return RouteObjects(request, body, "", version, rest);
            case ["apis", var group, var version, .. var rest]:
                return RouteObjects(request, body, group, version, rest);
            default:
                return PageNotFound();
        }
    }

    private ApiResponse RouteObjects(ApiRequest http, byte[] body, string group, string version, string[] path)
    {
        var ns = "";
        var inNamespace = path is ["namespaces", _, not ("status" or "finalize"), ..];
        if (inNamespace)
        {
            ns = path[1];
            path = path[2..];
        }
        if (catalog.Find(group, version, path[0]) is not var (type, served))
            return catalog.GroupVersions().Contains((group, version)) && !IsCustomGroup(group)
                ? throw ApiException.NoSuchPath()
                : PageNotFound();
        // A path to a single object of a namespaced resource must contain its namespace; a cluster-scoped resource must not have one.
        if (path.Length > 3 || (path.Length > 1 && type.Namespaced != inNamespace) || (inNamespace && !type.Namespaced))
            throw ApiException.NoSuchPath();
        var request = new ObjectRequest(http, body, type, served)
        {
            Namespace = ns,
            Name = path.Length > 1 ? path[1] : "",
            Subresource = path.Length > 2 ? path[2] : "",
        };
        if (request.Name.Length == 0)
            return HandleCollection(request);
        if (request.Subresource.Length == 0 || (request.Subresource == "status" && served.HasStatus))
            return HandleObject(request);
        return subresources.Handle(request);
    }

    private ApiResponse HandleCollection(ObjectRequest request)
    {
        var scoped = !request.Type.Namespaced || request.Namespace.Length > 0;
        return request.Http.Method switch
        {
            "GET" when request.Query.Flag("watch") => reader.Watch(request),
            "GET" => reader.List(request),
            "POST" when scoped => objects.Create(request),
            "DELETE" when scoped => objects.DeleteCollection(request),
            _ => throw ApiException.MethodNotAllowed(),
        };
    }

    private ApiResponse HandleObject(ObjectRequest request) =>
        request.Http.Method switch
        {
            "GET" when request.Query.Flag("watch") && request.Subresource.Length == 0 => reader.Watch(request),
            "GET" => reader.Get(request),
            "PUT" => objects.Update(request),
            "PATCH" => objects.Patch(request),
            "DELETE" when request.Subresource.Length == 0 => objects.Delete(request),
            _ => throw ApiException.MethodNotAllowed(),
        };

    /// <summary>The bearer token identifies the only user: the operating system user who started the sandbox.</summary>
    private static ApiResponse SelfReview(ApiRequest request) =>
        request.Method != "POST"
            ? throw ApiException.MethodNotAllowed()
            : ApiResponse.FromJson(
                new JsonObject
                {
                    ["kind"] = "SelfSubjectReview",
                    ["apiVersion"] = "authentication.k8s.io/v1",
                    ["metadata"] = new JsonObject { ["creationTimestamp"] = null },
                    ["status"] = new JsonObject
                    {
                        ["userInfo"] = new JsonObject
                        {
                            ["username"] = Environment.UserName,
                            ["groups"] = new JsonArray("system:masters", "system:authenticated"),
                        },
                    },
                },
                201
            );

    /// <summary>Allows everything: the sandbox has no authorization.</summary>
    private static ApiResponse AccessReview(ApiRequest request, byte[] body)
    {
        if (request.Method != "POST")
            throw ApiException.MethodNotAllowed();
        JsonObject? review;
        try
        {
            review = BodyReader.Parse(request.ContentType, body, (_, kind) => BuiltInSchemas.All.GetValueOrDefault(kind)) as JsonObject;
        }
        catch (System.Text.Json.JsonException e)
        {
            throw ApiException.BadRequest(e.Message);
        }
        return ApiResponse.FromJson(
            new JsonObject
            {
                ["kind"] = "SelfSubjectAccessReview",
                ["apiVersion"] = "authorization.k8s.io/v1",
                ["metadata"] = new JsonObject { ["creationTimestamp"] = null },
                ["spec"] = review.Obj("spec")?.DeepClone() ?? new JsonObject(),
                ["status"] = new JsonObject { ["allowed"] = true },
            },
            201
        );
    }

    private bool IsCustomGroup(string group) => catalog.Types.Any(type => type.IsCustom && type.Group == group);

    private static ApiResponse Document(JsonObject? document) => document is null ? PageNotFound() : ApiResponse.FromJson(document);

    private static ApiResponse PageNotFound() => ApiResponse.FromText("404 page not found\n", 404);

    private JsonObject Paths() =>
        new()
        {
            ["paths"] = new JsonArray([
                .. RootPaths
                    .Concat(
                        catalog.GroupVersions().Where(pair => pair.Group.Length > 0).Select(pair => $"/apis/{pair.Group}/{pair.Version}")
                    )
                    .Order(StringComparer.Ordinal)
                    .Select(path => JsonValue.Create(path)),
            ]),
        };

    private void Authenticate(ApiRequest request)
    {
        if (token.Length > 0 && request.Authorization != "Bearer " + token)
            throw ApiException.Unauthorized();
    }

    private static async ValueTask<byte[]> ReadBodyAsync(Stream body, CancellationToken cancellationToken)
    {
        using var buffer = new MemoryStream();
        var chunk = new byte[16 * 1024];
        int read;
        while ((read = await body.ReadAsync(chunk, cancellationToken)) > 0)
        {
            if (buffer.Length + read > BodyLimit)
                throw ApiException.TooLarge(BodyLimit);
            buffer.Write(chunk, 0, read);
        }
        return buffer.ToArray();
    }

    private static JsonObject Version() =>
        new()
        {
            ["major"] = "1",
            ["minor"] = "31",
            ["gitVersion"] = BuiltInKinds.KubernetesVersion,
            ["gitCommit"] = "",
            ["gitTreeState"] = "clean",
            ["buildDate"] = "2024-12-10T00:00:00Z",
            ["goVersion"] = "",
            ["compiler"] = "",
            ["platform"] = "linux/amd64",
        };
}
