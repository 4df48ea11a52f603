using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using CvManager.Cluster;

namespace CvManager.Support.Cluster;

/// <summary>Intercepts the requests of one client: it may respond itself, or pass the request on and change the response.</summary>
internal delegate Task<HttpResponseMessage> Interceptor(
    HttpRequestMessage request,
    Func<Task<HttpResponseMessage>> next,
    CancellationToken cancellationToken
);

/// <summary>A request as the server received it.</summary>
internal sealed record ApiRequest(string Method, string Path, string Query, string? ContentType, string Body, string? Authorization);

/// <summary>
/// An API server in this process for single requests and code under a virtual clock: it responds synchronously, so that the order of events
/// is deterministic. If there is no script, or it returns null, requests read, create and replace stored objects, with resourceVersion, 404
/// and 409. Tests that need the behavior of a cluster use
/// <see cref="InProcessCluster"/>; tests of TLS and sockets use <see cref="LoopbackApiServer"/>.
/// </summary>
internal sealed class FakeApiServer(Func<ApiRequest, HttpResponseMessage?>? script = null) : HttpMessageHandler
{
    private readonly Dictionary<string, JsonObject> _objects = [];
    private int _version;

    /// <summary>The requests that reached the server.</summary>
    public List<ApiRequest> Requests { get; } = [];

    /// <summary>A server with the same response to all requests.</summary>
    public static FakeApiServer Always(int code, string body) => new(_ => Answer(code, body));

    public static HttpResponseMessage Answer(int code, string body) =>
        new((HttpStatusCode)code) { Content = new StringContent(body, Encoding.UTF8, "application/json") };

    /// <summary>A <c>Status</c> object.</summary>
    public static string Status(int code, string reason, string message, string details = "{}") =>
        $$"""{"kind":"Status","apiVersion":"v1","status":"Failure","code":{{code}},"reason":"{{reason}}","message":"{{message}}","details":{{details}}}""";

    public ClusterConnection Connect(string? token = null, Interceptor? intercept = null) =>
        ClusterConnection.FromHandler(intercept is null ? this : new Interception(this, intercept), new Uri("https://api.test"), token);

    /// <summary>The object at a path; null if there is none.</summary>
    public JsonObject? Find(string path) => _objects.GetValueOrDefault(path);

    public void Put(string path, JsonObject value)
    {
        value["metadata"]!["resourceVersion"] = $"{++_version}";
        _objects[path] = value;
    }

    public void Delete(string path) => _objects.Remove(path);

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        ApiRequest seen = new(
            request.Method.Method,
            request.RequestUri!.AbsolutePath,
            Uri.UnescapeDataString(request.RequestUri.Query.TrimStart('?')),
            request.Content?.Headers.ContentType?.MediaType,
            request.Content is null ? "" : await request.Content.ReadAsStringAsync(cancellationToken),
            request.Headers.Authorization?.ToString()
        );
        Requests.Add(seen);
        return script?.Invoke(seen) ?? AnswerFromObjects(seen);
    }

    private HttpResponseMessage AnswerFromObjects(ApiRequest request)
    {
        var path = request.Path;
        if (request.Method == "POST")
        {
            var created = JsonNode.Parse(request.Body)!.AsObject();
            var metadata = created["metadata"]!;
            var name = metadata["name"]?.GetValue<string>() ?? $"{metadata["generateName"]}{_version + 1}";
            path += "/" + name;
            if (_objects.ContainsKey(path))
                return Answer(409, Status(409, "AlreadyExists", "already exists"));
            metadata["name"] = name;
            Put(path, created);
            return Answer(201, created.ToJsonString());
        }

        if (!_objects.TryGetValue(path, out var stored))
            return Answer(404, Status(404, "NotFound", "not found"));
        if (request.Method == "PUT")
        {
            var next = JsonNode.Parse(request.Body)!.AsObject();
            if (
                next["metadata"]!["resourceVersion"]?.GetValue<string>() is { } given
                && given != stored["metadata"]!["resourceVersion"]!.GetValue<string>()
            )
                return Answer(409, Status(409, "Conflict", "the object has been modified"));
            Put(path, next);
            return Answer(200, next.ToJsonString());
        }

        return request.Method == "GET"
            ? Answer(200, stored.ToJsonString())
            : Answer(405, Status(405, "MethodNotAllowed", "the fake server has no such verb"));
    }

    private sealed class Interception(FakeApiServer server, Interceptor intercept) : DelegatingHandler(server)
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) =>
            intercept(request, () => base.SendAsync(request, cancellationToken), cancellationToken);
    }
}
