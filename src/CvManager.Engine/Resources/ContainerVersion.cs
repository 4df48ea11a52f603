using System.Text.Json.Serialization;

namespace CvManager.Resources;

/// <summary>
/// The custom resource <c>containerversions.custom.k8s.io/v1</c>: which repository and tag to follow, for which workloads
/// and container, and how. Property names are those of the manifest; the schema is deploy/crd.yaml. Immutable.
/// </summary>
public sealed record ContainerVersion
{
    public const string Group = "custom.k8s.io";
    public const string Version = "v1";
    public const string KindName = "ContainerVersion";
    public const string Plural = "containerversions";

    /// <summary>The label key that every selector must contain; workloads are watched by it.</summary>
    public const string SelectorKey = "cvapp";

    public string ApiVersion { get; init; } = Group + "/" + Version;

    public string Kind { get; init; } = KindName;

    public ResourceMetadata Metadata { get; init; } = new();

    public ContainerVersionSpec Spec { get; init; } = new();

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public ContainerVersionStatus? Status { get; init; }

    /// <summary>namespace/name.</summary>
    [JsonIgnore]
    public string Key => $"{Metadata.Namespace}/{Metadata.Name}";
}
