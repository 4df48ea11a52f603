using System.Text.Json;
using System.Text.Json.Nodes;
using CvManager.Resources;

namespace CvManager.Cluster;

/// <summary>The ContainerVersions of a cluster. Thread-safe.</summary>
public sealed class ContainerVersionStore(ClusterConnection cluster)
{
    /// <summary>A separate field manager, so that the next manifest does not remove fields that the controller wrote.</summary>
    private const string ApplyManager = "cvmanager-import";

    private static readonly string[] ServerFields =
    [
        "managedFields",
        "resourceVersion",
        "uid",
        "creationTimestamp",
        "generation",
        "selfLink",
    ];

    /// <exception cref="CvException"><c>ResourceNotFound</c>, <c>CrdNotInstalled</c>, or a connection error.</exception>
    public async Task<ContainerVersion> GetAsync(string ns, string name, CancellationToken cancellationToken) =>
        Read(await cluster.GetAsync(Path(ns, name), cancellationToken));

    /// <summary>The same; null if the resource does not exist.</summary>
    /// <exception cref="CvException"><c>CrdNotInstalled</c>, or a connection error.</exception>
    public async Task<ContainerVersion?> FindAsync(string ns, string name, CancellationToken cancellationToken) =>
        await cluster.FindAsync(Path(ns, name), cancellationToken) is { } found ? Read(found) : null;

    /// <param name="ns">Null for all namespaces.</param>
    /// <exception cref="CvException"><c>CrdNotInstalled</c>, or a connection error.</exception>
    public async Task<IReadOnlyList<ContainerVersion>> ListAsync(string? ns, string? labelSelector, CancellationToken cancellationToken)
    {
        var items = await cluster.ListAsync(Path(ns), labelSelector, null, cancellationToken);
        return items.Select(Read).ToList();
    }

    /// <summary>
    /// Creates or updates a resource by server-side apply: fields that the manifest no longer contains are removed, fields of other
    /// managers are kept. Fields that only the API server writes (status, uid, managedFields) are omitted, so that an exported object can
    /// be applied.
    /// </summary>
    /// <exception cref="CvException"><c>ResourceInvalid</c> with the fields, <c>CrdNotInstalled</c>, or a connection error.</exception>
    public async Task<ContainerVersion> ApplyAsync(string ns, JsonObject manifest, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(manifest);
        var body = (JsonObject)manifest.DeepClone();
        body.Remove("status");
        var metadata = (JsonObject)body["metadata"]!;
        foreach (var field in ServerFields)
            metadata.Remove(field);
        metadata["namespace"] = ns;
        if (metadata["name"] is null)
            return Read(await cluster.CreateAsync(Path(ns), body, cancellationToken));
        return Read(
            await cluster.PatchAsync(
                Path(ns, metadata["name"]!.GetValue<string>()),
                PatchKind.Apply,
                body,
                cancellationToken,
                ApplyManager,
                force: true
            )
        );
    }

    /// <exception cref="CvException"><c>ResourceAlreadyExists</c>, <c>ResourceInvalid</c>, <c>CrdNotInstalled</c>, or a connection
    /// error.</exception>
    public async Task<ContainerVersion> CreateAsync(string ns, JsonObject manifest, CancellationToken cancellationToken) =>
        Read(await cluster.CreateAsync(Path(ns), manifest, cancellationToken));

    /// <summary>Replaces the status, if the resource was not modified since it was read.</summary>
    /// <exception cref="CvException"><c>ResourceConflict</c> if it was modified.</exception>
    public async Task<ContainerVersion> UpdateStatusAsync(ContainerVersion resource, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(resource);
        var body = ContainerVersionManifest.Write(resource);
        return Read(
            await cluster.ReplaceAsync(Path(resource.Metadata.Namespace, resource.Metadata.Name, "status"), body, cancellationToken)
        );
    }

    /// <summary>Changes fields of metadata and spec by a merge patch (RFC 7396); null removes a field.</summary>
    /// <exception cref="CvException"><c>ResourceNotFound</c>, <c>ResourceInvalid</c>, or a connection error.</exception>
    public async Task<ContainerVersion> PatchAsync(string ns, string name, JsonObject patch, CancellationToken cancellationToken) =>
        Read(await cluster.PatchAsync(Path(ns, name), PatchKind.Merge, patch, cancellationToken));

    public async Task DeleteAsync(string ns, string name, CancellationToken cancellationToken) =>
        await cluster.DeleteAsync(Path(ns, name), cancellationToken);

    internal static ResourcePath Path(string? ns, string? name = null, string? subresource = null) =>
        new(ContainerVersion.Group, ContainerVersion.Version, ContainerVersion.Plural, ns, name, subresource);

    /// <summary>
    /// Drops managedFields, which are unused and as large as the rest: a controller keeps thousands of objects. A write without them leaves
    /// them unchanged (Server-Side Apply, "Clearing managedFields").
    /// </summary>
    /// <exception cref="CvException"><c>ContainerVersionInvalid</c>: a field has the wrong type.</exception>
    internal static ContainerVersion Read(JsonObject json)
    {
        try
        {
            (json["metadata"] as JsonObject)?.Remove("managedFields");
            var read = json.Deserialize<ContainerVersion>(ResourceJson.Options)!;
            return read.Metadata is { Name.Length: > 0, Namespace.Length: > 0 }
                ? read
                : throw new JsonException("name or namespace is missing");
        }
        catch (Exception e) when (ObjectShape.IsFault(e))
        {
            // Possible only if the installed CRD is older or more permissive than ours.
            var name = ObjectShape.NameOf(json);
            var where = (e as JsonException)?.Path is { Length: > 0 } path ? $" at {path}" : "";
            throw new CvException(
                ErrorIds.ContainerVersionInvalid,
                CvErrorKind.Invalid,
                $"ContainerVersion {name} does not match its schema{where}: {e.Message}",
                "Update the custom resource definition (Install-CvController -CrdOnly) and fix the object.",
                e
            )
            {
                Target = name,
            };
        }
    }
}
