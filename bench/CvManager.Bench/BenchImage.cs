using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;

namespace CvManager.Bench;

/// <summary>
/// Pushes an image of a typical shape (ten layers of 100 kB). The layers contain random bytes, which a registry does not interpret.
/// </summary>
internal static class BenchImage
{
    private const int Layers = 10;
    private const int LayerSize = 100_000;
    public const string ManifestType = "application/vnd.oci.image.manifest.v1+json";

    /// <param name="repository">The URL of the repository in the registry API: <c>http://host/v2/path/</c>.</param>
    /// <param name="version">The tag of the image. Each image has different content.</param>
    public static async Task PushAsync(Uri repository, string version, CancellationToken cancellationToken)
    {
        using HttpClient http = new() { BaseAddress = repository };
        JsonArray layers = [];
        for (var i = 0; i < Layers; i++)
            layers.Add(
                await UploadAsync(
                    http,
                    RandomNumberGenerator.GetBytes(LayerSize),
                    "application/vnd.oci.image.layer.v1.tar+gzip",
                    cancellationToken
                )
            );
        JsonObject config = new()
        {
            ["architecture"] = "amd64",
            ["os"] = "linux",
            ["config"] = new JsonObject { ["Labels"] = new JsonObject { ["org.opencontainers.image.revision"] = version } },
            ["rootfs"] = new JsonObject
            {
                ["type"] = "layers",
                ["diff_ids"] = new JsonArray([.. layers.Select(l => l!["digest"]!.DeepClone())]),
            },
        };
        JsonObject manifest = new()
        {
            ["schemaVersion"] = 2,
            ["mediaType"] = ManifestType,
            ["config"] = await UploadAsync(
                http,
                Encoding.UTF8.GetBytes(config.ToJsonString()),
                "application/vnd.oci.image.config.v1+json",
                cancellationToken
            ),
            ["layers"] = layers,
        };
        using StringContent body = new(manifest.ToJsonString(), Encoding.UTF8, new MediaTypeHeaderValue(ManifestType));
        using var put = await http.PutAsync($"manifests/{version}", body, cancellationToken);
        put.EnsureSuccessStatusCode();
    }

    private static async Task<JsonObject> UploadAsync(HttpClient http, byte[] bytes, string mediaType, CancellationToken cancellationToken)
    {
        var digest = "sha256:" + Convert.ToHexStringLower(SHA256.HashData(bytes));
        using var started = await http.PostAsync("blobs/uploads/", null, cancellationToken);
        started.EnsureSuccessStatusCode();
        UriBuilder address = new(new Uri(http.BaseAddress!, started.Headers.Location!));
        address.Query = $"{address.Query}&digest={digest}".TrimStart('?', '&');
        using ByteArrayContent body = new(bytes);
        using var put = await http.PutAsync(address.Uri, body, cancellationToken);
        put.EnsureSuccessStatusCode();
        return new JsonObject
        {
            ["mediaType"] = mediaType,
            ["digest"] = digest,
            ["size"] = bytes.Length,
        };
    }
}
