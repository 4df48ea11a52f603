using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Xunit;

namespace CvManager.Integration.Registries;

/// <summary>ECR, emulated by moto: creates repositories and images for tests, and configures the AWS SDK.</summary>
public sealed class Moto : IDisposable
{
    private const string Account = "123456789012";

    private readonly HttpClient _http = new() { BaseAddress = new Uri(Servers.AwsEndpoint) };

    public Moto()
    {
        // As in a pipeline; moto accepts any key.
        Environment.SetEnvironmentVariable("AWS_ENDPOINT_URL", Servers.AwsEndpoint);
        Environment.SetEnvironmentVariable("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE");
        Environment.SetEnvironmentVariable("AWS_SECRET_ACCESS_KEY", "any");
    }

    public static string Host(string region = "us-east-1") => $"{Account}.dkr.ecr.{region}.amazonaws.com";

    public void Dispose() => _http.Dispose();

    /// <summary>Creates a repository, and returns its path.</summary>
    public async Task<string> CreateRepositoryAsync(string region = "us-east-1")
    {
        var name = $"team/app-{Guid.NewGuid().ToString("N")[..8]}";
        await CallAsync(region, "CreateRepository", new JsonObject { ["repositoryName"] = name });
        return name;
    }

    /// <summary>Pushes an image with a unique layer (moto computes digests from layers) and some tags, and returns its digest.</summary>
    public async Task<string> PushAsync(string repository, string[] tags, string region = "us-east-1")
    {
        var layer = Convert.ToHexStringLower(SHA256.HashData(Guid.NewGuid().ToByteArray()));
        var manifest = $$"""
            {"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",
            "config":{"mediaType":"application/vnd.oci.image.config.v1+json","size":2,"digest":"sha256:{{layer}}"},
            "layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar","size":3,"digest":"sha256:{{layer}}"}]}
            """;
        JsonNode? answer = null;
        foreach (var tag in tags)
            answer = await CallAsync(
                region,
                "PutImage",
                new JsonObject
                {
                    ["repositoryName"] = repository,
                    ["imageManifest"] = manifest,
                    ["imageTag"] = tag,
                }
            );
        return answer!["image"]!["imageId"]!["imageDigest"]!.GetValue<string>();
    }

    private async Task<JsonNode> CallAsync(string region, string operation, JsonObject body)
    {
        using HttpRequestMessage request = new(HttpMethod.Post, "/")
        {
            Content = new StringContent(body.ToJsonString(), Encoding.UTF8, new MediaTypeHeaderValue("application/x-amz-json-1.1")),
        };
        request.Headers.Add("X-Amz-Target", $"AmazonEC2ContainerRegistry_V20150921.{operation}");
        request.Headers.TryAddWithoutValidation(
            "Authorization",
            $"AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20260101/{region}/ecr/aws4_request, SignedHeaders=host, Signature=0"
        );
        using var response = await _http.SendAsync(request, TestContext.Current.CancellationToken);
        var text = await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        Assert.True(response.IsSuccessStatusCode, text);
        return JsonNode.Parse(text)!;
    }
}
