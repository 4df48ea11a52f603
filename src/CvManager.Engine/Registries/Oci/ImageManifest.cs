using System.Security.Cryptography;
using System.Text.Json.Serialization;

namespace CvManager.Registries.Oci;

/// <summary>What is read of a manifest or an index, in the formats of OCI and of Docker.</summary>
internal sealed class ImageManifest
{
    public const string OciIndex = "application/vnd.oci.image.index.v1+json";
    public const string OciManifest = "application/vnd.oci.image.manifest.v1+json";
    public const string DockerList = "application/vnd.docker.distribution.manifest.list.v2+json";
    public const string DockerManifest = "application/vnd.docker.distribution.manifest.v2+json";

    public static readonly IReadOnlyList<string> MediaTypes = [OciIndex, DockerList, OciManifest, DockerManifest];

    [JsonPropertyName("mediaType")]
    public string? MediaType { get; init; }

    [JsonPropertyName("manifests")]
    public List<ManifestDescriptor?>? Manifests { get; init; }

    [JsonPropertyName("config")]
    public ManifestDescriptor? Config { get; init; }

    [JsonPropertyName("annotations")]
    public Dictionary<string, string?>? Annotations { get; init; }

    /// <summary>What an index names beside attestations, signatures and the like, which no node pulls.</summary>
    public IEnumerable<ManifestDescriptor> Images() => (Manifests ?? []).OfType<ManifestDescriptor>().Where(m => m.IsImage);

    /// <summary>Whether a configuration of that type is a container image's; charts and other artifacts have their own.</summary>
    public static bool IsImage(string? configType) =>
        configType is "application/vnd.oci.image.config.v1+json" or "application/vnd.docker.container.image.v1+json";

    public static bool IsSchemaOne(string? mediaType) =>
        mediaType is "application/vnd.docker.distribution.manifest.v1+json" or "application/vnd.docker.distribution.manifest.v1+prettyjws";

    /// <summary>Whether a type is a manifest's at all: it may be an artifact's, or of a form that nobody knows yet.</summary>
    public static bool IsManifest(string? mediaType) =>
        mediaType is not null && mediaType.StartsWith("application/vnd.", StringComparison.Ordinal) && mediaType.Contains("manifest", StringComparison.Ordinal);

    public static bool IsIndex(string mediaType) => mediaType is OciIndex or DockerList;

    /// <summary>The digest of a content, by the algorithm of <paramref name="like"/>.</summary>
    public static string DigestOf(ReadOnlySpan<byte> content, string like) =>
        like.StartsWith("sha512:", StringComparison.Ordinal)
            ? "sha512:" + Convert.ToHexString(SHA512.HashData(content)).ToLowerInvariant()
            : "sha256:" + Convert.ToHexString(SHA256.HashData(content)).ToLowerInvariant();
}

/// <summary>What a manifest says of another content.</summary>
internal sealed class ManifestDescriptor
{
    [JsonPropertyName("mediaType")]
    public string? MediaType { get; init; }

    [JsonPropertyName("digest")]
    public string? Digest { get; init; }

    [JsonPropertyName("artifactType")]
    public string? ArtifactType { get; init; }

    [JsonPropertyName("annotations")]
    public Dictionary<string, string?>? Annotations { get; init; }

    [JsonPropertyName("platform")]
    public ManifestPlatform? Platform { get; init; }

    /// <summary>False for what is for no platform (image-spec, image-index.md; BuildKit's attestation storage).</summary>
    public bool IsImage =>
        Platform?.Os != "unknown" && string.IsNullOrEmpty(ArtifactType) && Annotations?.ContainsKey("vnd.docker.reference.type") != true
        && (MediaType is null || ImageManifest.MediaTypes.Contains(MediaType));

    /// <summary>Whether it is for one of those platforms (<c>linux/amd64</c>); also where it does not say for which, or not wholly.</summary>
    public bool IsFor(IReadOnlySet<string> platforms) =>
        string.IsNullOrEmpty(Platform?.Os) || platforms.Contains($"{Platform.Os}/{Platform.Architecture}")
        || (string.IsNullOrEmpty(Platform.Architecture) && platforms.Any(p => p.StartsWith(Platform.Os + "/", StringComparison.Ordinal)));
}

internal sealed class ManifestPlatform
{
    [JsonPropertyName("os")]
    public string? Os { get; init; }

    [JsonPropertyName("architecture")]
    public string? Architecture { get; init; }
}

/// <summary>What is read of an image's configuration.</summary>
internal sealed class ImageConfiguration
{
    [JsonPropertyName("config")]
    public ContainerConfiguration? Config { get; init; }

    /// <summary>RFC 3339 (image-spec, config.md).</summary>
    [JsonPropertyName("created")]
    public string? Created { get; init; }
}

internal sealed class ContainerConfiguration
{
    [JsonPropertyName("Labels")]
    public Dictionary<string, string?>? Labels { get; init; }
}

internal sealed class TagList
{
    [JsonPropertyName("tags")]
    public List<string?>? Tags { get; init; }
}

[JsonSerializable(typeof(ImageManifest))]
[JsonSerializable(typeof(ImageConfiguration))]
[JsonSerializable(typeof(TagList))]
internal sealed partial class ManifestJson : JsonSerializerContext;
