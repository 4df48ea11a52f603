using System.Text.Json.Nodes;
using CvManager.Sandbox.Printing;
using CvManager.Sandbox.Schemas;

namespace CvManager.Sandbox.Kinds;

/// <summary>One group and version under which a resource is served.</summary>
internal sealed record ServedVersion(string Group, string Version, SchemaNode Schema)
{
    /// <summary>Converts from the storage version; null if only apiVersion differs.</summary>
    public Func<JsonObject, JsonObject>? FromStorage { get; init; }

    public Func<JsonObject, JsonObject>? ToStorage { get; init; }

    /// <summary>Sent as a Warning header when the version is used; empty for none.</summary>
    public string DeprecationWarning { get; init; } = "";

    public bool HasStatus { get; init; }

    public ScalePaths? Scale { get; init; }

    public TableLayout Table { get; init; } = TableLayout.NameAndAge;

    public string ApiVersion => Group.Length == 0 ? Version : $"{Group}/{Version}";
}

/// <summary>The JSON paths of the scale subresource; the selector path may be empty.</summary>
internal sealed record ScalePaths(string Replicas, string StatusReplicas, string Selector);

/// <summary>One resource: its names, served versions, and the rules of its kind.</summary>
internal sealed class ResourceType
{
    public static readonly IReadOnlySet<string> NameAndNamespace = new HashSet<string>(StringComparer.Ordinal)
    {
        "metadata.name",
        "metadata.namespace",
    };

    public required string Group { get; init; }

    public required string Plural { get; init; }

    public required string Singular { get; init; }

    public required string Kind { get; init; }

    public required bool Namespaced { get; init; }

    public string ListKind { get; init; } = "";

    public IReadOnlyList<string> ShortNames { get; init; } = [];

    public IReadOnlyList<string> Categories { get; init; } = [];

    /// <summary>Newest first; the first one is preferred. Objects are stored in <see cref="Storage"/>.</summary>
    public required IReadOnlyList<ServedVersion> Versions { get; init; }

    public required ServedVersion Storage { get; init; }

    public required KindRules Rules { get; init; }

    public IReadOnlySet<string> SelectableFields { get; init; } = NameAndNamespace;

    /// <summary>Defined by a CustomResourceDefinition.</summary>
    public bool IsCustom { get; init; }

    /// <summary>The generation of the definition that this type was built from.</summary>
    public long DefinitionRevision { get; set; }

    /// <summary>The subresources other than status and scale, as listed by discovery.</summary>
    public IReadOnlyList<Subresource> Subresources { get; init; } = [];

    /// <summary>apps "deployments" → <c>deployments.apps</c>.</summary>
    public string QualifiedName => Group.Length == 0 ? Plural : $"{Plural}.{Group}";

    public ServedVersion? Version(string group, string version) =>
        Versions.FirstOrDefault(served => served.Group == group && served.Version == version);
}

internal sealed record Subresource(string Name, string Group, string Version, string Kind, IReadOnlyList<string> Verbs);
