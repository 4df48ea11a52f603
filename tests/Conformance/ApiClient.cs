using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using Xunit;

namespace CvManager.Conformance;

/// <summary>Speaks to a Kubernetes API server in plain requests, so that the suite sees what is really answered.</summary>
public sealed class ApiClient(HttpClient http) : IDisposable
{
    public const string JsonPatch = "application/json-patch+json";
    public const string MergePatch = "application/merge-patch+json";
    public const string StrategicMergePatch = "application/strategic-merge-patch+json";
    public const string ApplyPatch = "application/apply-patch+yaml";

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async Task<Answer> SendAsync(HttpMethod method, string path, JsonNode? body = null, string contentType = "application/json", string accept = "application/json")
    {
        using HttpRequestMessage request = new(method, path.TrimStart('/'));
        request.Headers.TryAddWithoutValidation("Accept", accept);
        request.Headers.UserAgent.ParseAdd("conformance/1.0");
        if (body is not null)
        {
            request.Content = new ByteArrayContent(Encoding.UTF8.GetBytes(body.ToJsonString()));
            request.Content.Headers.ContentType = new MediaTypeHeaderValue(contentType);
        }

        using HttpResponseMessage response = await http.SendAsync(request, Token);
        string text = await response.Content.ReadAsStringAsync(Token);
        return new Answer(response.StatusCode, text.StartsWith('{') ? JsonNode.Parse(text)!.AsObject() : [], text);
    }

    public Task<Answer> GetAsync(string path) => SendAsync(HttpMethod.Get, path);

    public Task<Answer> PostAsync(string path, JsonNode body) => SendAsync(HttpMethod.Post, path, body);

    public Task<Answer> PutAsync(string path, JsonNode body) => SendAsync(HttpMethod.Put, path, body);

    public Task<Answer> PatchAsync(string path, string contentType, JsonNode body) => SendAsync(HttpMethod.Patch, path, body, contentType);

    public Task<Answer> DeleteAsync(string path, JsonNode? options = null) => SendAsync(HttpMethod.Delete, path, options);

    /// <summary>Events of a watch until enough came or the server ended it.</summary>
    public async Task<List<(string Type, JsonObject Object)>> WatchAsync(string path, Func<List<(string Type, JsonObject Object)>, bool> enough)
    {
        using CancellationTokenSource limit = CancellationTokenSource.CreateLinkedTokenSource(Token);
        limit.CancelAfter(TimeSpan.FromSeconds(60));
        using HttpResponseMessage response = await http.GetAsync(path.TrimStart('/'), HttpCompletionOption.ResponseHeadersRead, limit.Token);
        List<(string, JsonObject)> events = [];
        if (response.StatusCode == HttpStatusCode.Gone)
            return [("ERROR", JsonNode.Parse(await response.Content.ReadAsStringAsync(limit.Token))!.AsObject())];
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        using StreamReader reader = new(await response.Content.ReadAsStreamAsync(limit.Token));
        while (!enough(events) && await reader.ReadLineAsync(limit.Token) is { } line)
        {
            if (line.Length > 0 && JsonNode.Parse(line) is JsonObject change)
                events.Add((change["type"]!.GetValue<string>(), change["object"]!.AsObject()));
        }

        return events;
    }

    /// <summary>Reads an object again and again until it is as wanted; fails with what it was last after a minute.</summary>
    public async Task<JsonObject> UntilAsync(string path, Func<JsonObject, bool> wanted)
    {
        JsonObject last = [];
        using CancellationTokenSource limit = CancellationTokenSource.CreateLinkedTokenSource(Token);
        limit.CancelAfter(TimeSpan.FromSeconds(60));
        while (!limit.IsCancellationRequested)
        {
            Answer answer = await GetAsync(path);
            last = answer.Json;
            if (wanted(last))
                return last;
            await Task.Delay(50, Token);
        }

        Assert.Fail($"{path} did not become as expected: {last.ToJsonString()}");
        return last;
    }

    public void Dispose() => http.Dispose();
}

/// <summary>What was answered.</summary>
public sealed record Answer(HttpStatusCode Code, JsonObject Json, string Text)
{
    /// <summary>The body of a request that succeeded.</summary>
    public JsonObject Ok()
    {
        Assert.True((int)Code is >= 200 and < 300, $"{(int)Code}: {Text}");
        return Json;
    }

    /// <summary>Asserts a failure: its code and the reason in its Status object.</summary>
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
