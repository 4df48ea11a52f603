using System.Text.Json;
using System.Text.Json.Nodes;

namespace CvManager.Sandbox.Registry;

/// <summary>An image manifest or an index, as it was pushed, byte for byte.</summary>
internal sealed class Manifest
{
    public const string OciImage = "application/vnd.oci.image.manifest.v1+json";
    public const string OciIndex = "application/vnd.oci.image.index.v1+json";
    public const string DockerImage = "application/vnd.docker.distribution.manifest.v2+json";
    public const string DockerList = "application/vnd.docker.distribution.manifest.list.v2+json";

    /// <summary>4 MiB: the least that the distribution specification asks registries to take, and what most of them do.</summary>
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

    public bool IsIndex => MediaType is OciIndex or DockerList;

    /// <summary>Config first; empty for an index.</summary>
    public IReadOnlyList<string> Blobs { get; private init; } = [];

    /// <summary>The manifests of an index.</summary>
    public IReadOnlyList<string> Children { get; private init; } = [];

    /// <summary>What this one refers to (a signature's image, say); null for nothing.</summary>
    public string? Subject { get; private init; }

    /// <summary>What the list of referrers says of it.</summary>
    public string ArtifactType { get; private init; } = "";

    public JsonObject? Annotations { get; private init; }

    /// <param name="content">The manifest's bytes.</param>
    /// <param name="contentType">The request's Content-Type; empty: the manifest's own word counts.</param>
    /// <param name="digest">What it was pushed under; null: SHA-256.</param>
    /// <exception cref="RegistryError">It is no manifest of the four kinds that registries keep.</exception>
    public static Manifest Parse(ReadOnlyMemory<byte> content, string contentType, string? digest = null)
    {
        try
        {
            if (JsonNode.Parse(content.Span) is not JsonObject json)
                throw RegistryError.ManifestInvalid("not a JSON object");
            string mediaType = TypeOf(json, contentType);
            var config = json["config"]?.AsObject();
            bool index = mediaType is OciIndex or DockerList;
            if (!index && config is null)
                throw RegistryError.ManifestInvalid("an image manifest needs config");
            return new Manifest(digest ?? ContentNames.Sha256(content.Span), mediaType, content)
            {
                Children = index ? [.. Descriptors(json, "manifests").Select(DigestOf)] : [],
                // Layers that have addresses of their own need not be here (image specification, "non-distributable layers").
                Blobs = index ? [] : [DigestOf(config!), .. Descriptors(json, "layers").Where(l => l["urls"] is null).Select(DigestOf)],
                Subject = json["subject"] is JsonObject subject ? DigestOf(subject) : null,
                ArtifactType = Text(json["artifactType"]) ?? Text(config?["mediaType"]) ?? "",
                Annotations = json["annotations"] as JsonObject,
            };
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException or ArgumentException)
        {
            throw RegistryError.ManifestInvalid(error.Message);
        }
    }

    /// <summary>As a list of referrers shows it.</summary>
    public JsonObject ToDescriptor()
    {
        var descriptor = new JsonObject { ["mediaType"] = MediaType, ["digest"] = Digest, ["size"] = Content.Length };
        if (ArtifactType.Length > 0)
            descriptor["artifactType"] = ArtifactType;
        if (Annotations is not null)
            descriptor["annotations"] = Annotations.DeepClone();
        return descriptor;
    }

    private static string TypeOf(JsonObject json, string contentType)
    {
        string sent = contentType.Split(';')[0].Trim();
        string? own = Text(json["mediaType"]);
        if (sent.Length > 0 && own is not null && sent != own)
            throw RegistryError.ManifestInvalid($"Content-Type is {sent}, mediaType is {own}");
        string type = sent.Length > 0 ? sent : own ?? (json["manifests"] is null ? OciImage : OciIndex);
        return type is OciImage or OciIndex or DockerImage or DockerList ? type
            : throw RegistryError.ManifestInvalid($"media type {type} is not supported");
    }

    private static IEnumerable<JsonObject> Descriptors(JsonObject json, string name) =>
        json[name] is { } list ? list.AsArray().Select(entry => entry?.AsObject() ?? throw RegistryError.ManifestInvalid($"{name} holds null")) : [];

    private static string DigestOf(JsonObject descriptor) =>
        Text(descriptor["digest"]) is { } digest && ContentNames.IsDigest(digest) ? digest
            : throw RegistryError.ManifestInvalid("a descriptor needs a digest");

    private static string? Text(JsonNode? node) => node?.GetValue<string>();
}
