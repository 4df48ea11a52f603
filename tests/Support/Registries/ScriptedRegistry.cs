using System.Net;
using System.Net.Http.Headers;
using CvManager.Registries;
using CvManager.Registries.Credentials;

namespace CvManager.Support.Registries;

/// <summary>A registry with scripted responses that records requests.</summary>
internal sealed class ScriptedRegistry(Func<HttpRequestMessage, HttpResponseMessage> answer) : HttpMessageHandler
{
    public List<(string Method, Uri Uri, string? Authorization)> Requests { get; } = [];

    public RegistryClientOptions Options { get; init; } = new() { RetryDelay = TimeSpan.FromMilliseconds(1), RequestsPerSecond = 1e6 };

    public RegistryCatalog Catalog(RegistryCredential? credential = null) => new(Options, new FixedCredential(credential), this);

    public static HttpResponseMessage Json(string body, HttpStatusCode status = HttpStatusCode.OK, string type = "application/json")
    {
        var response = new HttpResponseMessage(status) { Content = new StringContent(body) };
        response.Content.Headers.ContentType = new MediaTypeHeaderValue(type);
        return response;
    }

    public static HttpResponseMessage Status(HttpStatusCode status, params (string Name, string Value)[] headers)
    {
        var response = new HttpResponseMessage(status);
        foreach ((var name, var value) in headers)
            response.Headers.TryAddWithoutValidation(name, value);
        return response;
    }

    public static HttpResponseMessage Head(string digest)
    {
        var response = Status(HttpStatusCode.OK, ("Docker-Content-Digest", digest));
        response.Content.Headers.ContentType = new MediaTypeHeaderValue("application/vnd.oci.image.index.v1+json");
        return response;
    }

    protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        lock (Requests)
            Requests.Add((request.Method.Method, request.RequestUri!, request.Headers.Authorization?.ToString()));
        return Task.FromResult(answer(request));
    }
}
