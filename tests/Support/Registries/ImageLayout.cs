using System.Formats.Tar;
using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace CvManager.Support.Registries;

/// <summary>
/// A tiny image in the OCI image layout (image-spec, image-layout.md), for skopeo to push. Each image has a different layer, and so a
/// different digest.
/// </summary>
internal sealed class ImageLayout : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("cvm-image-");

    /// <summary>An image with one layer, which contains one file with the given content.</summary>
    public ImageLayout(string content, IReadOnlyDictionary<string, string>? labels = null)
        : this([Layer("version", content)], ConfigOf(labels)) { }

    /// <param name="layers">Uncompressed tar archives, the lowest one first.</param>
    /// <param name="config">The configuration of containers: Entrypoint, Env, Labels and so on (image-spec, config.md).</param>
    public ImageLayout(IReadOnlyList<byte[]> layers, JsonObject config)
    {
        Directory.CreateDirectory(Path.Combine(_folder.FullName, "blobs", "sha256"));
        JsonObject image = new()
        {
            ["architecture"] = "amd64",
            ["os"] = "linux",
            ["config"] = config,
            ["rootfs"] = new JsonObject
            {
                ["type"] = "layers",
                ["diff_ids"] = new JsonArray([.. layers.Select(layer => (JsonNode)Digest(layer))]),
            },
        };
        JsonObject[] descriptors = [.. layers.Select(layer => Blob(Compress(layer), "application/vnd.oci.image.layer.v1.tar+gzip"))];
        LayerDigests = [.. descriptors.Select(layer => layer["digest"]!.GetValue<string>())];
        JsonObject manifest = new()
        {
            ["schemaVersion"] = 2,
            ["mediaType"] = "application/vnd.oci.image.manifest.v1+json",
            ["config"] = Blob(Bytes(image), "application/vnd.oci.image.config.v1+json"),
            ["layers"] = new JsonArray([.. descriptors]),
        };
        var descriptor = Blob(Bytes(manifest), "application/vnd.oci.image.manifest.v1+json");
        ManifestDigest = descriptor["digest"]!.GetValue<string>();
        ManifestSize = descriptor["size"]!.GetValue<int>();
        File.WriteAllText(Path.Combine(_folder.FullName, "oci-layout"), """{"imageLayoutVersion":"1.0.0"}""");
        File.WriteAllText(
            Path.Combine(_folder.FullName, "index.json"),
            new JsonObject { ["schemaVersion"] = 2, ["manifests"] = new JsonArray(descriptor) }.ToJsonString()
        );
    }

    public string ManifestDigest { get; }

    /// <summary>In bytes.</summary>
    public int ManifestSize { get; }

    /// <summary>The digests of the compressed layers.</summary>
    public IReadOnlyList<string> LayerDigests { get; }

    /// <summary>A layer with one file in the root folder.</summary>
    public static byte[] Layer(string file, string content)
    {
        using MemoryStream tar = new();
        using (TarWriter writer = new(tar, leaveOpen: true))
            writer.WriteEntry(
                new UstarTarEntry(TarEntryType.RegularFile, file) { DataStream = new MemoryStream(Encoding.UTF8.GetBytes(content)) }
            );
        return tar.ToArray();
    }

    /// <summary>Pushes the image with skopeo, without TLS.</summary>
    /// <param name="reference">host:port/repository:tag</param>
    /// <param name="credentials">user:password, or null.</param>
    public Task PushAsync(string reference, string? credentials = null) =>
        ExternalProgram.RunAsync(
            "skopeo",
            [
                "copy",
                "--quiet",
                "--dest-tls-verify=false",
                "--preserve-digests",
                .. credentials is null ? Array.Empty<string>() : ["--dest-creds", credentials],
                "oci:" + _folder.FullName,
                "docker://" + reference,
            ]
        );

    public void Dispose() => _folder.Delete(recursive: true);

    private JsonObject Blob(byte[] bytes, string mediaType)
    {
        var digest = Digest(bytes);
        File.WriteAllBytes(Path.Combine(_folder.FullName, "blobs", "sha256", digest["sha256:".Length..]), bytes);
        return new JsonObject
        {
            ["mediaType"] = mediaType,
            ["digest"] = digest,
            ["size"] = bytes.Length,
        };
    }

    private static byte[] Compress(byte[] layer)
    {
        using MemoryStream compressed = new();
        using (GZipStream gzip = new(compressed, CompressionLevel.Optimal, leaveOpen: true))
            gzip.Write(layer);
        return compressed.ToArray();
    }

    private static byte[] Bytes(JsonObject json) => Encoding.UTF8.GetBytes(json.ToJsonString());

    private static string Digest(byte[] bytes) => "sha256:" + Convert.ToHexStringLower(SHA256.HashData(bytes));

    private static JsonObject ConfigOf(IReadOnlyDictionary<string, string>? labels) =>
        new() { ["Labels"] = JsonSerializer.SerializeToNode(labels ?? new Dictionary<string, string>()) };
}
