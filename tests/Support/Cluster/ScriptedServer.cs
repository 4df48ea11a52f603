using System.Net;
using System.Text;
using CvManager.Cluster;

namespace CvManager.Support.Cluster;

/// <summary>An API server with scripted responses that records requests.</summary>
internal sealed class ScriptedServer(Func<ScriptedRequest, HttpResponseMessage> answer) : HttpMessageHandler
{
    public List<ScriptedRequest> Requests { get; } = [];

    /// <summary>A server with the same response to all requests.</summary>
    public static ScriptedServer Always(int code, string body) => new(_ => Answer(code, body));

    public static HttpResponseMessage Answer(int code, string body) =>
        new((HttpStatusCode)code) { Content = new StringContent(body, Encoding.UTF8, "application/json") };

    /// <summary>A <c>Status</c> object.</summary>
    public static string Status(int code, string reason, string message, string details = "{}") =>
        $$"""{"kind":"Status","apiVersion":"v1","status":"Failure","code":{{code}},"reason":"{{reason}}","message":"{{message}}","details":{{details}}}""";

    public ClusterConnection Connect(string? token = null) => ClusterConnection.FromHandler(this, new Uri("https://api.test"), token);

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        ScriptedRequest seen = new(
            request.Method.Method,
            request.RequestUri!.AbsolutePath,
            Uri.UnescapeDataString(request.RequestUri.Query.TrimStart('?')),
            request.Content?.Headers.ContentType?.MediaType,
            request.Content is null ? "" : await request.Content.ReadAsStringAsync(cancellationToken),
            request.Headers.Authorization?.ToString()
        );
        Requests.Add(seen);
        return answer(seen);
    }
}

internal sealed record ScriptedRequest(string Method, string Path, string Query, string? ContentType, string Body, string? Authorization);
