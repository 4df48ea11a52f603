using System.Text.Json;
using System.Text.Json.Nodes;

namespace CvManager.Resources;

/// <summary>Reads ContainerVersions from manifests. Stateless, thread-safe.</summary>
public static class ContainerVersionManifest
{
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

    /// <summary>True if both have the same status when serialized.</summary>
    internal static bool StatusEquals(ContainerVersion one, ContainerVersion other) =>
        JsonNode.DeepEquals(
            JsonSerializer.SerializeToNode(one.Status, ResourceJson.Options),
            JsonSerializer.SerializeToNode(other.Status, ResourceJson.Options)
        );
}
