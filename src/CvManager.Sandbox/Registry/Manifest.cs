using System.Text.Json;
using System.Text.Json.Nodes;

namespace CvManager.Sandbox.Registry;

/// <summary>An image manifest or an index, with the bytes as pushed.</summary>
internal sealed class Manifest
{
    public const string OciImage = "application/vnd.oci.image.manifest.v1+json";
    public const string OciIndex = "application/vnd.oci.image.index.v1+json";
    public const string DockerImage = "application/vnd.docker.distribution.manifest.v2+json";
    public const string DockerList = "application/vnd.docker.distribution.manifest.list.v2+json";

    /// <summary>4 MiB: the minimum that the distribution specification requires registries to accept, and the common limit.</summary>
    public const int SizeLimit = 4 * 1024 * 1024;

    private Manifest(string digest, string mediaType, ReadOnlyMemory<byte> content)
    {
        Digest = digest;
        MediaType = mediaType;
        Content = content;
    }

    public string Digest { get; }

    public string MediaType { get; }

    public ReadOnlyMemory<byte> Content { get; }

    /// <summary>The digests of config and layers, config first; empty for an index.</summary>
    public IReadOnlyList<string> Blobs { get; private init; } = [];

    /// <summary>The digests of the manifests of an index.</summary>
    public IReadOnlyList<string> Children { get; private init; } = [];

    /// <summary>The digest that this manifest refers to, such as the image of a signature; null for none.</summary>
    public string? Subject { get; private init; }

    /// <summary>The artifact type shown in the list of referrers.</summary>
    public string ArtifactType { get; private init; } = "";

    public JsonObject? Annotations { get; private init; }

    /// <param name="content">The bytes of the manifest.</param>
    /// <param name="contentType">The request's Content-Type; if empty, the manifest's mediaType applies.</param>
    /// <param name="digest">The digest it was pushed by; null to compute the SHA-256 digest.</param>
    /// <exception cref="RegistryError">MANIFEST_INVALID: not a manifest of a supported media type.</exception>
    public static Manifest Parse(ReadOnlyMemory<byte> content, string contentType, string? digest = null)
    {
        try
        {
            if (JsonNode.Parse(content.Span) is not JsonObject json)
                throw RegistryError.ManifestInvalid("not a JSON object");
            var mediaType = TypeOf(json, contentType);
            var config = json["config"]?.AsObject();
            var index = mediaType is OciIndex or DockerList;
            if (!index && config is null)
                throw RegistryError.ManifestInvalid("config is required");
            return new Manifest(digest ?? ContentNames.Sha256(content.Span), mediaType, content)
            {
                Children = index ? [.. Descriptors(json, "manifests").Select(DigestOf)] : [],
                // Layers with URLs need not be in the registry (image specification, "non-distributable layers").
                Blobs = index ? [] : [DigestOf(config!), .. Descriptors(json, "layers").Where(l => l["urls"] is null).Select(DigestOf)],
                Subject = json["subject"] is JsonObject subject ? DigestOf(subject) : null,
                ArtifactType = Text(json["artifactType"]) ?? Text(config?["mediaType"]) ?? "",
                Annotations = json["annotations"] as JsonObject,
            };
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or ArgumentException)
        {
            throw RegistryError.ManifestInvalid(e.Message);
        }
    }

    /// <summary>The descriptor for the list of referrers.</summary>
    public JsonObject ToDescriptor()
    {
        var descriptor = new JsonObject
        {
            ["mediaType"] = MediaType,
            ["digest"] = Digest,
            ["size"] = Content.Length,
        };
        if (ArtifactType.Length > 0)
            descriptor["artifactType"] = ArtifactType;
        if (Annotations is not null)
            descriptor["annotations"] = Annotations.DeepClone();
        return descriptor;
    }

    private static string TypeOf(JsonObject json, string contentType)
    {
        var sent = contentType.Split(';')[0].Trim();
        var own = Text(json["mediaType"]);
        if (sent.Length > 0 && own is not null && sent != own)
            throw RegistryError.ManifestInvalid($"Content-Type {sent} does not match mediaType {own}");
        var type = sent.Length > 0 ? sent : own ?? (json["manifests"] is null ? OciImage : OciIndex);
        return type is OciImage or OciIndex or DockerImage or DockerList
            ? type
            : throw RegistryError.ManifestInvalid($"media type {type} is not supported");
    }

    private static IEnumerable<JsonObject> Descriptors(JsonObject json, string name) =>
        json[name] is { } list
            ? list.AsArray().Select(entry => entry?.AsObject() ?? throw RegistryError.ManifestInvalid($"{name} contains null"))
            : [];

    private static string DigestOf(JsonObject descriptor) =>
        Text(descriptor["digest"]) is { } digest && ContentNames.IsDigest(digest)
            ? digest
            : throw RegistryError.ManifestInvalid("descriptor without a valid digest");

    private static string? Text(JsonNode? node) => node?.GetValue<string>();
}
