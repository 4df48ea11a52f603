using System.Text.Json;
using System.Text.Json.Nodes;

namespace CvManager.Resources;

/// <summary>Reads and writes ContainerVersions as manifests. Stateless, thread-safe.</summary>
public static class ContainerVersionManifest
{
    /// <summary>kubectl apply keeps a copy of the manifest in it, for its own comparison.</summary>
    private const string LastApplied = "kubectl.kubernetes.io/last-applied-configuration";

    /// <summary>True for an object of kind ContainerVersion, whatever its API version.</summary>
    public static bool IsContainerVersion(JsonNode document) => document.Text("kind") == ContainerVersion.KindName;

    /// <exception cref="CvException"><c>ContainerVersionInvalid</c>, with every field, value and remedy.</exception>
    public static ContainerVersion Read(JsonObject manifest)
    {
        ContainerVersionValidator.ThrowIfInvalid(manifest);
        try
        {
            return manifest.Deserialize<ContainerVersion>(ResourceJson.Options)!;
        }
        catch (JsonException e)
        {
            // The schema does not describe metadata; the API server does.
            var field = e.Path?.TrimStart('$', '.') ?? "metadata";
            throw new CvException(
                ErrorIds.ContainerVersionInvalid,
                CvErrorKind.Invalid,
                $"ContainerVersion {manifest["metadata"]?["name"]?.ToString() ?? "(without a name)"} is not valid: {field} has the wrong type.",
                $"{field}: names, labels and annotations must be strings (quote numbers), generation must be a number.",
                e
            );
        }
    }

    /// <summary>The resource as a manifest, including defaults.</summary>
    public static JsonObject Write(ContainerVersion resource) => JsonSerializer.SerializeToNode(resource, ResourceJson.Options)!.AsObject();

    /// <summary>
    /// The resource as a manifest to apply elsewhere: names, labels, annotations of people, and the specification with its defaults. Without
    /// the status and without what the API server and kubectl add.
    /// </summary>
    public static JsonObject Export(ContainerVersion resource)
    {
        ArgumentNullException.ThrowIfNull(resource);
        var annotations = resource.Metadata.Annotations?.Where(annotation => annotation.Key != LastApplied);
        JsonObject metadata = new() { ["name"] = resource.Metadata.Name, ["namespace"] = resource.Metadata.Namespace };
        AddMap(metadata, "labels", resource.Metadata.Labels);
        AddMap(metadata, "annotations", annotations);
        return new JsonObject
        {
            ["apiVersion"] = resource.ApiVersion,
            ["kind"] = resource.Kind,
            ["metadata"] = metadata,
            ["spec"] = JsonSerializer.SerializeToNode(resource.Spec, ResourceJson.Options),
        };
    }

    private static void AddMap(JsonObject target, string field, IEnumerable<KeyValuePair<string, string>>? entries)
    {
        JsonObject map = new(
            (entries ?? [])
                .OrderBy(entry => entry.Key, StringComparer.Ordinal)
                .Select(entry => KeyValuePair.Create(entry.Key, (JsonNode?)entry.Value))
        );
        if (map.Count > 0)
            target[field] = map;
    }

    /// <summary>True if both have the same status when serialized.</summary>
    internal static bool StatusEquals(ContainerVersion one, ContainerVersion other) =>
        JsonNode.DeepEquals(
            JsonSerializer.SerializeToNode(one.Status, ResourceJson.Options),
            JsonSerializer.SerializeToNode(other.Status, ResourceJson.Options)
        );
}
