using System.Globalization;
using System.Text.Json.Nodes;

namespace CvManager.Cluster;

public enum ImagePatchOutcome
{
    Swapped,

    /// <summary>The container or its image has changed: read the object and plan again.</summary>
    Changed,

    /// <summary>The object no longer exists.</summary>
    Gone,
}

/// <summary>R3: compare-and-swap of one image by a JSON patch that tests the values it replaces.</summary>
internal static class ImagePatch
{
    /// <returns>The outcome, and the current object if the API server returned it.</returns>
    /// <param name="containers">The path of the list that contains the container.</param>
    /// <param name="replicas">The new spec.replicas in the same patch; null to leave it unchanged.</param>
    /// <exception cref="CvException">The API server rejected the patch for another reason than its tests, or a connection
    /// error.</exception>
    public static async Task<(ImagePatchOutcome Outcome, JsonObject? Now)> SwapImageAsync(
        this ClusterConnection cluster,
        ResourcePath path,
        IReadOnlyList<string> containers,
        int index,
        string container,
        string from,
        string to,
        CancellationToken cancellationToken,
        int? replicas = null
    )
    {
        string[] entry = [.. containers, index.ToString(CultureInfo.InvariantCulture)];
        var patch = new JsonPatch().Test([.. entry, "name"], container).Test([.. entry, "image"], from).Replace([.. entry, "image"], to);
        if (replicas is { } count)
            patch.Replace(["spec", "replicas"], count);
        try
        {
            return (ImagePatchOutcome.Swapped, await cluster.PatchAsync(path, PatchKind.Json, patch.Body, cancellationToken));
        }
        catch (CvException e) when (e.Kind == CvErrorKind.NotFound)
        {
            return (ImagePatchOutcome.Gone, null);
        }
        catch (CvException e) when (e.ErrorId == ErrorIds.ResourceConflict)
        {
            return (ImagePatchOutcome.Changed, null);
        }
        catch (CvException e) when (e.ErrorId == ErrorIds.ResourceInvalid)
        {
            // Both a failed test and a validation error return 422: the current object tells which it was.
            if (await cluster.FindAsync(path, cancellationToken) is not { } now)
                return (ImagePatchOutcome.Gone, null);
            var present = EntryAt(now, containers, index);
            if (present.Text("name") == container && present.Text("image") == from)
                throw;
            return (ImagePatchOutcome.Changed, now);
        }
    }

    private static JsonNode? EntryAt(JsonObject json, IReadOnlyList<string> containers, int index) =>
        (json.At([.. containers]) as JsonArray)?.ElementAtOrDefault(index);
}
