using System.Text.Json.Serialization;
using CvManager.Registries;

namespace CvManager.Resources;

/// <summary>
/// The custom resource <c>containerversions.custom.k8s.io/v1</c>: which repository and tag to follow, for which workloads
/// and container, and how. Property names are those of the manifest; the schema is deploy/crd.yaml. Immutable.
/// </summary>
/// <remarks>
/// What is read from the specification is parsed and validated once for each version of the resource, when it is first needed. A copy with
/// another status keeps it; a copy with another specification or metadata does not.
/// </remarks>
public sealed record ContainerVersion
{
    private Cache _parsed;

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

    /// <summary>All errors of the resource; empty if it is valid.</summary>
    [JsonIgnore]
    public IReadOnlyList<ValidationError> ValidationErrors => Parse().Errors.Value;

    /// <summary>What is followed: the tag or the policy.</summary>
    [JsonIgnore]
    public Followed Followed => Parse().Followed;

    /// <summary>Where it is followed.</summary>
    /// <exception cref="CvException"><c>ImageRepositoryInvalid</c>.</exception>
    [JsonIgnore]
    public ImageRepository Repository => Parse().Repository ?? ImageRepository.Parse(Spec.ImageRepo);

    /// <summary>namespace/name.</summary>
    [JsonIgnore]
    public string Key => $"{Metadata.Namespace}/{Metadata.Name}";

    private Parsed Parse()
    {
        // Two threads may parse at the same time, with the same result.
        var parsed = Volatile.Read(ref _parsed.Value);
        if (parsed?.IsOf(this) != true)
            Volatile.Write(ref _parsed.Value, parsed = new Parsed(this));
        return parsed;
    }

    private sealed class Parsed
    {
        private readonly ResourceMetadata _metadata;
        private readonly ContainerVersionSpec _spec;
        private readonly (string, string) _type;

        public Parsed(ContainerVersion resource)
        {
            _metadata = resource.Metadata;
            _spec = resource.Spec;
            _type = (resource.ApiVersion, resource.Kind);
            Followed = Followed.Of(_spec);
            Repository = ImageRepository.TryParse(_spec.ImageRepo, out var repository) ? repository : null;
            Errors = new Lazy<IReadOnlyList<ValidationError>>(() => ContainerVersionValidator.Validate(resource));
        }

        public Followed Followed { get; }

        public ImageRepository? Repository { get; }

        public Lazy<IReadOnlyList<ValidationError>> Errors { get; }

        public bool IsOf(ContainerVersion resource) =>
            ReferenceEquals(_spec, resource.Spec)
            && ReferenceEquals(_metadata, resource.Metadata)
            && _type == (resource.ApiVersion, resource.Kind);
    }

    /// <summary>Not part of the record's value: equal to every other one.</summary>
    private struct Cache : IEquatable<Cache>
    {
        public Parsed? Value;

        public readonly bool Equals(Cache other) => true;

        public override readonly bool Equals(object? obj) => obj is Cache;

        public override readonly int GetHashCode() => 0;
    }
}
