using System.Formats.Tar;
using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace CvManager.Integration;

/// <summary>
/// A tiny image in the OCI image layout (image-spec, image-layout.md), for skopeo to push. Each image has a different layer, and so a
/// different digest.
/// </summary>
internal sealed class ImageLayout : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("cvm-image-");

    public ImageLayout(string content, IReadOnlyDictionary<string, string>? labels = null)
    {
        Directory.CreateDirectory(Path.Combine(_folder.FullName, "blobs", "sha256"));
        using MemoryStream tar = new();
        using (TarWriter writer = new(tar, leaveOpen: true))
            writer.WriteEntry(
                new UstarTarEntry(TarEntryType.RegularFile, "version") { DataStream = new MemoryStream(Encoding.UTF8.GetBytes(content)) }
            );
        using MemoryStream layer = new();
        using (GZipStream gzip = new(layer, CompressionLevel.Optimal, leaveOpen: true))
            gzip.Write(tar.ToArray());

        JsonObject config = new()
        {
            ["architecture"] = "amd64",
            ["os"] = "linux",
            ["config"] = new JsonObject { ["Labels"] = JsonSerializer.SerializeToNode(labels ?? new Dictionary<string, string>()) },
            ["rootfs"] = new JsonObject { ["type"] = "layers", ["diff_ids"] = new JsonArray(Digest(tar.ToArray())) },
        };
        JsonObject manifest = new()
        {
            ["schemaVersion"] = 2,
            ["mediaType"] = "application/vnd.oci.image.manifest.v1+json",
            ["config"] = Blob(Bytes(config), "application/vnd.oci.image.config.v1+json"),
            ["layers"] = new JsonArray(Blob(layer.ToArray(), "application/vnd.oci.image.layer.v1.tar+gzip")),
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

    private static byte[] Bytes(JsonObject json) => Encoding.UTF8.GetBytes(json.ToJsonString());

    private static string Digest(byte[] bytes) => "sha256:" + Convert.ToHexStringLower(SHA256.HashData(bytes));
}
