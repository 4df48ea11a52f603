using System.Net;
using System.Text;
using CvManager.Cluster;

namespace CvManager.Unit.Cluster;

/// <summary>An API server that answers as a test says, and remembers what it was asked.</summary>
internal sealed class ScriptedServer(Func<ScriptedRequest, HttpResponseMessage> answer) : HttpMessageHandler
{
    public List<ScriptedRequest> Requests { get; } = [];

    /// <summary>A server that gives the same answer to everything.</summary>
    public static ScriptedServer Always(int code, string body) => new(_ => Answer(code, body));

    public static HttpResponseMessage Answer(int code, string body) =>
        new((HttpStatusCode)code) { Content = new StringContent(body, Encoding.UTF8, "application/json") };

    /// <summary>A <c>Status</c> as the API server writes it.</summary>
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
            request.Headers.Authorization?.ToString());
        Requests.Add(seen);
        return answer(seen);
    }
}

internal sealed record ScriptedRequest(string Method, string Path, string Query, string? ContentType, string Body, string? Authorization);
