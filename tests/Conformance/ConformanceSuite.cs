using System.Text.Json.Nodes;
using Xunit;

namespace CvManager.Conformance;

/// <summary>
/// The behavior of a Kubernetes API server that CvManager and its users rely on. The suite runs on the sandbox and on a real control
/// plane; if they differ, the sandbox is wrong. Each test has its own namespace.
/// </summary>
public abstract partial class ConformanceSuite : IAsyncLifetime
{
    private ApiClient? _api;

    protected ApiClient Api => _api ?? throw new InvalidOperationException("The suite is not connected.");

    /// <summary>The namespace of the test.</summary>
    protected string Namespace { get; } = $"conformance-{Guid.NewGuid().ToString("N")[..10]}";

    protected string ConfigMaps => $"/api/v1/namespaces/{Namespace}/configmaps";

    protected string Deployments => $"/apis/apps/v1/namespaces/{Namespace}/deployments";

    protected string ReplicaSets => $"/apis/apps/v1/namespaces/{Namespace}/replicasets";

    protected string Pods => $"/api/v1/namespaces/{Namespace}/pods";

    public async ValueTask InitializeAsync()
    {
        _api = new ApiClient(await ConnectAsync());
        (await Api.PostAsync("/api/v1/namespaces", Json($$$"""{"metadata":{"name":"{{{Namespace}}}"}}"""))).Ok();
    }

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        if (_api is not null)
            await _api.DeleteAsync($"/api/v1/namespaces/{Namespace}");
        _api?.Dispose();
        await DisconnectAsync();
    }

    /// <summary>Creates a client with the server's base address and credentials.</summary>
    protected abstract Task<HttpClient> ConnectAsync();

    /// <summary>Whether the server supports sendInitialEvents ("Streaming lists" in the API documentation).</summary>
    protected virtual Task<bool> SupportsStreamingListsAsync() => Task.FromResult(true);

    protected virtual ValueTask DisconnectAsync() => ValueTask.CompletedTask;

    protected static JsonObject Json(string text) => JsonNode.Parse(text)!.AsObject();

    protected static string Version(JsonObject item) => item["metadata"]!["resourceVersion"]!.GetValue<string>();

    protected static string Name(JsonNode item) => item["metadata"]!["name"]!.GetValue<string>();

    protected static IEnumerable<JsonObject> Items(JsonObject list) => list["items"]!.AsArray().Select(i => i!.AsObject());

    protected Task<ApiResult> CreateConfigMapAsync(string name, string labels = "{}", string more = "") =>
        Api.PostAsync(ConfigMaps, Json($$$"""{"metadata":{"name":"{{{name}}}","labels":{{{labels}}}{{{more}}}},"data":{"a":"1"}}"""));

    protected static JsonObject Deployment(string name = "app", string image = "r.example/app:1", int replicas = 2, string spec = "") =>
        Json(
            $$$$$"""
            {"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"{{{{{name}}}}}"},
             "spec":{"replicas":{{{{{replicas}}}}},{{{{{spec}}}}}"selector":{"matchLabels":{"app":"{{{{{name}}}}}"}},
               "template":{"metadata":{"labels":{"app":"{{{{{name}}}}}"}},"spec":{"terminationGracePeriodSeconds":1,"containers":[
                 {"name":"main","image":"{{{{{image}}}}}","env":[{"name":"A","value":"1"}]},{"name":"side","image":"r.example/side:1"}]}}}}
            """
        );

    protected static JsonObject? Condition(JsonObject item, string type) =>
        (item["status"]?["conditions"] as JsonArray)?.Select(c => c!.AsObject()).FirstOrDefault(c => c["type"]!.GetValue<string>() == type);

    protected static bool IsRolledOut(JsonObject deployment)
    {
        var status = deployment["status"];
        var wanted = deployment["spec"]!["replicas"]!.GetValue<int>();
        int Count(string field) => status?[field]?.GetValue<int>() ?? 0;
        return (status?["observedGeneration"]?.GetValue<long>() ?? 0) >= deployment["metadata"]!["generation"]!.GetValue<long>()
            && Count("updatedReplicas") == wanted
            && Count("replicas") == wanted
            && Count("availableReplicas") == wanted;
    }
}
