using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using CvManager.Cluster;

namespace CvManager.Support.Cluster;

/// <summary>Stands between a client and the server: may answer itself, or let it through and do something with the answer.</summary>
internal delegate Task<HttpResponseMessage> Interceptor(
    HttpRequestMessage request,
    Func<Task<HttpResponseMessage>> next,
    CancellationToken cancellationToken
);

/// <summary>
/// As much of an API server as objects need that are read, created and replaced: resourceVersion, 404, 409. Answers within the call, so
/// that tests under virtual time have one order.
/// </summary>
internal sealed class FakeApiServer
{
    private readonly Dictionary<string, JsonObject> _objects = [];
    private int _version;

    /// <summary>Method and path of each request that reached the server.</summary>
    public List<string> Requests { get; } = [];

    public ClusterConnection Connect(Interceptor? intercept = null) =>
        ClusterConnection.FromHandler(new Handler(this, intercept), new Uri("http://fake"), null);

    /// <summary>The object at that path, as the server has it; null for none.</summary>
    public JsonObject? Find(string path) => _objects.GetValueOrDefault(path);

    public void Put(string path, JsonObject value)
    {
        value["metadata"]!["resourceVersion"] = $"{++_version}";
        _objects[path] = value;
    }

    public void Delete(string path) => _objects.Remove(path);

    public IEnumerable<KeyValuePair<string, JsonObject>> All => _objects;

    public static HttpResponseMessage Status(HttpStatusCode code, string message = "", string reason = "") =>
        new(code)
        {
            Content = new StringContent(
                new JsonObject
                {
                    ["kind"] = "Status",
                    ["code"] = (int)code,
                    ["reason"] = reason,
                    ["message"] = message,
                }.ToJsonString()
            ),
        };

    private async Task<HttpResponseMessage> AnswerAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var path = request.RequestUri!.AbsolutePath;
        Requests.Add($"{request.Method} {path}");
        var body = request.Content is null ? null : JsonNode.Parse(await request.Content.ReadAsStringAsync(cancellationToken))!.AsObject();

        if (request.Method == HttpMethod.Post)
        {
            path += "/" + (body!["metadata"]!["name"]?.GetValue<string>() ?? body["metadata"]!["generateName"] + $"{_version + 1}");
            if (_objects.ContainsKey(path))
                return Status(HttpStatusCode.Conflict, "already exists", "AlreadyExists");
            body["metadata"]!["name"] = path[(path.LastIndexOf('/') + 1)..];
            Put(path, body);
            return Ok(HttpStatusCode.Created, body);
        }

        if (!_objects.TryGetValue(path, out var stored))
            return Status(HttpStatusCode.NotFound, "not found");
        if (request.Method == HttpMethod.Put)
        {
            if (
                body!["metadata"]!["resourceVersion"]?.GetValue<string>() is { } given
                && given != stored["metadata"]!["resourceVersion"]!.GetValue<string>()
            )
                return Status(HttpStatusCode.Conflict, "the object has been modified", "Conflict");
            Put(path, body);
            return Ok(HttpStatusCode.OK, body);
        }

        return request.Method == HttpMethod.Get ? Ok(HttpStatusCode.OK, stored) : Status(HttpStatusCode.MethodNotAllowed);
    }

    private static HttpResponseMessage Ok(HttpStatusCode code, JsonObject value) =>
        new(code) { Content = new StringContent(value.ToJsonString(), Encoding.UTF8, "application/json") };

    private sealed class Handler(FakeApiServer server, Interceptor? intercept) : HttpMessageHandler
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) =>
            intercept is null
                ? server.AnswerAsync(request, cancellationToken)
                : intercept(request, () => server.AnswerAsync(request, cancellationToken), cancellationToken);
    }
}
