using System.Security.Cryptography;
using System.Text.Json.Serialization;

namespace CvManager.Registries.Oci;

/// <summary>The relevant fields of a manifest or an index in the formats of OCI and Docker.</summary>
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

    /// <summary>The images of an index, without attestations, signatures and other artifacts that nodes do not pull.</summary>
    public IEnumerable<ManifestDescriptor> Images() => (Manifests ?? []).OfType<ManifestDescriptor>().Where(m => m.IsImage);

    /// <summary>True for the configuration of a container image; charts and other artifacts have other types.</summary>
    public static bool IsImage(string? configType) =>
        configType is "application/vnd.oci.image.config.v1+json" or "application/vnd.docker.container.image.v1+json";

    public static bool IsSchemaVersion1(string? mediaType) =>
        mediaType is "application/vnd.docker.distribution.manifest.v1+json" or "application/vnd.docker.distribution.manifest.v1+prettyjws";

    /// <summary>True for any manifest type, including those of artifacts and unknown formats.</summary>
    public static bool IsManifest(string? mediaType) =>
        mediaType is not null
        && mediaType.StartsWith("application/vnd.", StringComparison.Ordinal)
        && mediaType.Contains("manifest", StringComparison.Ordinal);

    public static bool IsIndex(string mediaType) => mediaType is OciIndex or DockerList;

    /// <summary>The digest of the content, with the algorithm of <paramref name="like"/>.</summary>
    public static string DigestOf(ReadOnlySpan<byte> content, string like) =>
        like.StartsWith("sha512:", StringComparison.Ordinal)
            ? "sha512:" + Convert.ToHexString(SHA512.HashData(content)).ToLowerInvariant()
            : "sha256:" + Convert.ToHexString(SHA256.HashData(content)).ToLowerInvariant();
}

/// <summary>A descriptor of other content in a manifest.</summary>
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

    /// <summary>False for artifacts without a platform (image-spec, image-index.md; attestation storage of BuildKit).</summary>
    public bool IsImage =>
        Platform?.Os != "unknown"
        && string.IsNullOrEmpty(ArtifactType)
        && Annotations?.ContainsKey("vnd.docker.reference.type") != true
        && (MediaType is null || ImageManifest.MediaTypes.Contains(MediaType));

    /// <summary>Whether it is for one of the platforms (<c>linux/amd64</c>); true if its platform is missing or incomplete.</summary>
    public bool IsFor(IReadOnlySet<string> platforms) =>
        string.IsNullOrEmpty(Platform?.Os)
        || platforms.Contains($"{Platform.Os}/{Platform.Architecture}")
        || (string.IsNullOrEmpty(Platform.Architecture) && platforms.Any(p => p.StartsWith(Platform.Os + "/", StringComparison.Ordinal)));
}

internal sealed class ManifestPlatform
{
    [JsonPropertyName("os")]
    public string? Os { get; init; }

    [JsonPropertyName("architecture")]
    public string? Architecture { get; init; }
}

/// <summary>The relevant fields of an image configuration.</summary>
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
