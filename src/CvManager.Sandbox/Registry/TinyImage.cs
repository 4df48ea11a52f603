using System.Formats.Tar;
using System.Globalization;
using System.IO.Compression;
using System.Text;
using System.Text.Json.Nodes;
using CvManager.Sandbox.Json;

namespace CvManager.Sandbox.Registry;

/// <summary>A single-platform image with one small layer: enough for clients that do not run it.</summary>
internal sealed record TinyImage(ReadOnlyMemory<byte> Layer, ReadOnlyMemory<byte> Config, Manifest Manifest)
{
    /// <param name="text">The content of the layer's only file. The same text produces the same layer.</param>
    /// <param name="platform"><c>os/architecture[/variant]</c></param>
    /// <param name="labels">The image's labels.</param>
    /// <param name="created">The image's creation time.</param>
    public static TinyImage Build(string text, string platform, IReadOnlyDictionary<string, string> labels, DateTimeOffset created)
    {
        var tar = Tar(text);
        var layer = Gzip(tar);
        var config = PlatformJson(platform);
        // With fractional seconds, as builders write it, so that clients can order images.
        config["created"] = created.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.FFFFFFF'Z'", CultureInfo.InvariantCulture);
        config["config"] = new JsonObject
        {
            ["Labels"] = new JsonObject(labels.Select(l => KeyValuePair.Create(l.Key, (JsonNode?)l.Value))),
        };
        config["rootfs"] = new JsonObject { ["type"] = "layers", ["diff_ids"] = new JsonArray(ContentNames.Sha256(tar)) };
        var configBytes = JsonText.Utf8(config);
        var manifest = JsonText.Utf8(
            new JsonObject
            {
                ["schemaVersion"] = 2,
                ["mediaType"] = Manifest.OciImage,
                ["config"] = Descriptor("application/vnd.oci.image.config.v1+json", configBytes),
                ["layers"] = new JsonArray(Descriptor("application/vnd.oci.image.layer.v1.tar+gzip", layer)),
            }
        );
        return new TinyImage(layer, configBytes, Manifest.Parse(manifest, Manifest.OciImage));
    }

    /// <summary>Builds the index of images for several platforms.</summary>
    public static Manifest Index(IEnumerable<(string Platform, Manifest Manifest)> images) =>
        Manifest.Parse(
            JsonText.Utf8(
                new JsonObject
                {
                    ["schemaVersion"] = 2,
                    ["mediaType"] = Manifest.OciIndex,
                    ["manifests"] = new JsonArray([
                        .. images.Select(image =>
                        {
                            var descriptor = Descriptor(image.Manifest.MediaType, image.Manifest.Content.Span);
                            descriptor["platform"] = PlatformJson(image.Platform);
                            return (JsonNode)descriptor;
                        }),
                    ]),
                }
            ),
            Manifest.OciIndex
        );

    private static JsonObject PlatformJson(string platform)
    {
        var parts = platform.Split('/');
        if (parts.Length is < 2 or > 3)
            throw new ArgumentException($"Invalid platform '{platform}': must be os/architecture[/variant].", nameof(platform));
        var json = new JsonObject { ["architecture"] = parts[1], ["os"] = parts[0] };
        if (parts.Length == 3)
            json["variant"] = parts[2];
        return json;
    }

    private static JsonObject Descriptor(string mediaType, ReadOnlySpan<byte> content) =>
        new()
        {
            ["mediaType"] = mediaType,
            ["digest"] = ContentNames.Sha256(content),
            ["size"] = content.Length,
        };

    private static byte[] Tar(string text)
    {
        using var buffer = new MemoryStream();
        using (var writer = new TarWriter(buffer, leaveOpen: true))
        using (var data = new MemoryStream(Encoding.UTF8.GetBytes(text)))
        {
            writer.WriteEntry(
                new UstarTarEntry(TarEntryType.RegularFile, "version")
                {
                    DataStream = data,
                    // A fixed time makes layers reproducible.
                    ModificationTime = DateTimeOffset.UnixEpoch,
                }
            );
        }
        return buffer.ToArray();
    }

    private static byte[] Gzip(byte[] content)
    {
        using var buffer = new MemoryStream();
        using (var gzip = new GZipStream(buffer, CompressionLevel.Fastest, leaveOpen: true))
            gzip.Write(content);
        return buffer.ToArray();
    }
}
