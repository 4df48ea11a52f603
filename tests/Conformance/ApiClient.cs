using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using Xunit;

namespace CvManager.Conformance;

/// <summary>A client of a Kubernetes API server that sends plain requests, so that tests see the actual responses.</summary>
public sealed class ApiClient(HttpClient http) : IDisposable
{
    public const string JsonPatch = "application/json-patch+json";
    public const string MergePatch = "application/merge-patch+json";
    public const string StrategicMergePatch = "application/strategic-merge-patch+json";
    public const string ApplyPatch = "application/apply-patch+yaml";

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async Task<ApiResult> SendAsync(
        HttpMethod method,
        string path,
        JsonNode? body = null,
        string contentType = "application/json",
        string accept = "application/json"
    )
    {
        using HttpRequestMessage request = new(method, path.TrimStart('/'));
        request.Headers.TryAddWithoutValidation("Accept", accept);
        request.Headers.UserAgent.ParseAdd("conformance/1.0");
        if (body is not null)
        {
            request.Content = new ByteArrayContent(Encoding.UTF8.GetBytes(body.ToJsonString()));
            request.Content.Headers.ContentType = new MediaTypeHeaderValue(contentType);
        }

        using var response = await http.SendAsync(request, Token);
        var text = await response.Content.ReadAsStringAsync(Token);
        return new ApiResult(response.StatusCode, text.StartsWith('{') ? JsonNode.Parse(text)!.AsObject() : [], text);
    }

    public Task<ApiResult> GetAsync(string path) => SendAsync(HttpMethod.Get, path);

    public Task<ApiResult> PostAsync(string path, JsonNode body) => SendAsync(HttpMethod.Post, path, body);

    public Task<ApiResult> PutAsync(string path, JsonNode body) => SendAsync(HttpMethod.Put, path, body);

    public Task<ApiResult> PatchAsync(string path, string contentType, JsonNode body) =>
        SendAsync(HttpMethod.Patch, path, body, contentType);

    public Task<ApiResult> DeleteAsync(string path, JsonNode? options = null) => SendAsync(HttpMethod.Delete, path, options);

    /// <summary>The events of a watch, until <paramref name="isDone"/> returns true or the server ends the watch.</summary>
    public async Task<List<(string Type, JsonObject Object)>> WatchAsync(
        string path,
        Func<List<(string Type, JsonObject Object)>, bool> isDone
    )
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(Token);
        limit.CancelAfter(TimeSpan.FromSeconds(60));
        using var response = await http.GetAsync(path.TrimStart('/'), HttpCompletionOption.ResponseHeadersRead, limit.Token);
        List<(string, JsonObject)> events = [];
        if (response.StatusCode == HttpStatusCode.Gone)
            return [("ERROR", JsonNode.Parse(await response.Content.ReadAsStringAsync(limit.Token))!.AsObject())];
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        using StreamReader reader = new(await response.Content.ReadAsStreamAsync(limit.Token));
        while (!isDone(events) && await reader.ReadLineAsync(limit.Token) is { } line)
        {
            if (line.Length > 0 && JsonNode.Parse(line) is JsonObject change)
                events.Add((change["type"]!.GetValue<string>(), change["object"]!.AsObject()));
        }

        return events;
    }

    /// <summary>Polls an object until it meets the condition; after a minute fails with its last state.</summary>
    public async Task<JsonObject> UntilAsync(string path, Func<JsonObject, bool> condition)
    {
        JsonObject last = [];
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(Token);
        limit.CancelAfter(TimeSpan.FromSeconds(60));
        while (!limit.IsCancellationRequested)
        {
            var result = await GetAsync(path);
            last = result.Json;
            if (condition(last))
                return last;
            await Task.Delay(50, Token);
        }

        Assert.Fail($"{path} did not reach the expected state: {last.ToJsonString()}");
        return last;
    }

    public void Dispose() => http.Dispose();
}

/// <summary>A response of the API server.</summary>
public sealed record ApiResult(HttpStatusCode Code, JsonObject Json, string Text)
{
    /// <summary>Asserts success and returns the body.</summary>
    public JsonObject Ok()
    {
        Assert.True((int)Code is >= 200 and < 300, $"{(int)Code}: {Text}");
        return Json;
    }

    /// <summary>Asserts a failure with this code and reason in its Status object, and returns that object.</summary>
    public JsonObject Fails(int code, string reason)
    {
        Assert.True((int)Code == code, $"expected {code}, was {(int)Code}: {Text}");
        Assert.Equal("Status", Json["kind"]?.GetValue<string>());
        Assert.Equal("Failure", Json["status"]?.GetValue<string>());
        Assert.Equal(reason, Json["reason"]?.GetValue<string>());
        Assert.Equal(code, Json["code"]?.GetValue<int>());
        return Json;
    }
}
