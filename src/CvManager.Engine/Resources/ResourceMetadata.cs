using System.Text.Json;
using System.Text.Json.Serialization;

namespace CvManager.Resources;

/// <summary>
/// The part of Kubernetes' ObjectMeta that CvManager reads; other fields except managedFields are written back unchanged.
/// </summary>
public sealed record ResourceMetadata
{
    public string Name { get; init; } = "";

    public string? Namespace { get; init; }

    public string? Uid { get; init; }

    public string? ResourceVersion { get; init; }

    public long? Generation { get; init; }

    public DateTimeOffset? CreationTimestamp { get; init; }

    public DateTimeOffset? DeletionTimestamp { get; init; }

    public IReadOnlyDictionary<string, string>? Labels { get; init; }

    public IReadOnlyDictionary<string, string>? Annotations { get; init; }

    [JsonExtensionData]
    public IDictionary<string, JsonElement>? Other { get; init; }
}
