using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using CvManager.Sandbox;
using CvManager.Sandbox.Registry;
using Xunit;

namespace CvManager.Unit.Sandbox.Registry;

/// <summary>A registry and a client, connected over a socket or in process.</summary>
internal sealed class RegistryFixture : IAsyncDisposable
{
    private RegistryFixture(SandboxRegistry registry, HttpClient client)
    {
        Registry = registry;
        Client = client;
    }

    public SandboxRegistry Registry { get; }

    public HttpClient Client { get; }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <param name="socket">Whether to use a socket.</param>
    /// <param name="options">The options of the registry; Listen is overridden by <paramref name="socket"/>.</param>
    /// <param name="faults">The faults of the in-process client.</param>
    public static async Task<RegistryFixture> StartAsync(bool socket, SandboxRegistryOptions? options = null, FaultInjector? faults = null)
    {
        var registry = await SandboxRegistry.StartAsync((options ?? new()) with { Listen = socket }, Cancellation);
        HttpClient client = socket ? new() : new(registry.CreateHandler(faults));
        client.BaseAddress = registry.Server ?? new Uri("http://" + registry.Host);
        return new RegistryFixture(registry, client);
    }

    public Task<HttpResponseMessage> SendAsync(
        HttpMethod method,
        string address,
        byte[]? body = null,
        string? contentType = null,
        params (string Name, string Value)[] headers
    )
    {
        HttpRequestMessage request = new(method, address);
        if (body is not null)
        {
            request.Content = new ByteArrayContent(body);
            if (contentType is not null)
                request.Content.Headers.ContentType = MediaTypeHeaderValue.Parse(contentType);
        }
        foreach (var (name, value) in headers)
        {
            if (!request.Headers.TryAddWithoutValidation(name, value))
                request.Content!.Headers.TryAddWithoutValidation(name, value);
        }
        return Client.SendAsync(request, Cancellation);
    }

    /// <summary>Sends a request and asserts the status of the response.</summary>
    public async Task<HttpResponseMessage> ExpectAsync(
        HttpStatusCode status,
        HttpMethod method,
        string address,
        byte[]? body = null,
        string? contentType = null,
        params (string Name, string Value)[] headers
    )
    {
        var response = await SendAsync(method, address, body, contentType, headers);
        Assert.True(
            response.StatusCode == status,
            $"{method} {address}: {response.StatusCode} {await response.Content.ReadAsStringAsync(Cancellation)}"
        );
        return response;
    }

    /// <summary>Sends a request and asserts the status and error code of the response.</summary>
    public async Task<HttpResponseMessage> ExpectErrorAsync(
        HttpStatusCode status,
        string code,
        HttpMethod method,
        string address,
        byte[]? body = null,
        string? contentType = null,
        params (string Name, string Value)[] headers
    )
    {
        var response = await ExpectAsync(status, method, address, body, contentType, headers);
        var json = await JsonAsync(response);
        Assert.Equal(code, json["errors"]![0]!["code"]!.GetValue<string>());
        Assert.NotEmpty(json["errors"]![0]!["message"]!.GetValue<string>());
        return response;
    }

    public async Task<string> PushBlobAsync(string repository, byte[] content)
    {
        var digest = ContentNames.Sha256(content);
        await ExpectAsync(
            HttpStatusCode.Created,
            HttpMethod.Post,
            $"/v2/{repository}/blobs/uploads/?digest={digest}",
            content,
            "application/octet-stream"
        );
        return digest;
    }

    public static async Task<JsonNode> JsonAsync(HttpResponseMessage response) =>
        JsonNode.Parse(await response.Content.ReadAsStringAsync(Cancellation))!;

    public static string Header(HttpResponseMessage response, string name) =>
        response.Headers.TryGetValues(name, out var values) || response.Content.Headers.TryGetValues(name, out values)
            ? string.Join(", ", values)
            : "";

    /// <summary>An image manifest; the blobs need not exist.</summary>
    public static byte[] ImageManifest(string config, params string[] layers) =>
        Utf8(
            new JsonObject
            {
                ["schemaVersion"] = 2,
                ["mediaType"] = Manifest.OciImage,
                ["config"] = Descriptor("application/vnd.oci.image.config.v1+json", config),
                ["layers"] = new JsonArray([.. layers.Select(l => (JsonNode)Descriptor("application/vnd.oci.image.layer.v1.tar", l))]),
            }
        );

    public static JsonObject Descriptor(string mediaType, string digest, int size = 2) =>
        new()
        {
            ["mediaType"] = mediaType,
            ["digest"] = digest,
            ["size"] = size,
        };

    public static byte[] Utf8(JsonNode json) => Encoding.UTF8.GetBytes(json.ToJsonString());

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await Registry.DisposeAsync();
    }
}
