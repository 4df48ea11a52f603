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

/// <summary>R3: compare-and-swap of one image by a JSON patch (RFC 6902) that tests the values it replaces.</summary>
internal static class ImagePatch
{
    /// <returns>The outcome, and the current object if the API server returned it.</returns>
    /// <param name="containers">JSON pointer of the list that contains the container.</param>
    /// <param name="replicas">The new spec.replicas in the same patch; null to leave it unchanged.</param>
    /// <exception cref="CvException">The API server rejected the patch for another reason than its tests, or a connection
    /// error.</exception>
    public static async Task<(ImagePatchOutcome Outcome, JsonObject? Now)> SwapImageAsync(
        this ClusterConnection cluster,
        ResourcePath path,
        string containers,
        int index,
        string container,
        string from,
        string to,
        CancellationToken cancellationToken,
        int? replicas = null
    )
    {
        JsonArray patch =
        [
            new JsonObject
            {
                ["op"] = "test",
                ["path"] = $"{containers}/{index}/name",
                ["value"] = container,
            },
            new JsonObject
            {
                ["op"] = "test",
                ["path"] = $"{containers}/{index}/image",
                ["value"] = from,
            },
            new JsonObject
            {
                ["op"] = "replace",
                ["path"] = $"{containers}/{index}/image",
                ["value"] = to,
            },
        ];
        if (replicas is { } count)
            patch.Add(
                new JsonObject
                {
                    ["op"] = "replace",
                    ["path"] = "/spec/replicas",
                    ["value"] = count,
                }
            );
        try
        {
            return (ImagePatchOutcome.Swapped, await cluster.PatchAsync(path, PatchKind.Json, patch, cancellationToken));
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
            if (await FindAsync(cluster, path, cancellationToken) is not { } now)
                return (ImagePatchOutcome.Gone, null);
            var same = ValueAt(now, $"{containers}/{index}/name") == container && ValueAt(now, $"{containers}/{index}/image") == from;
            if (same)
                throw;
            return (ImagePatchOutcome.Changed, now);
        }
    }

    private static async Task<JsonObject?> FindAsync(ClusterConnection cluster, ResourcePath path, CancellationToken cancellationToken)
    {
        try
        {
            return await cluster.GetAsync(path, cancellationToken);
        }
        catch (CvException e) when (e.Kind == CvErrorKind.NotFound)
        {
            return null;
        }
    }

    /// <summary>The string at a JSON pointer; null if there is none.</summary>
    private static string? ValueAt(JsonNode? node, string pointer)
    {
        foreach (var step in pointer.Split('/', StringSplitOptions.RemoveEmptyEntries))
        {
            node = node switch
            {
                JsonArray list => list.ElementAtOrDefault(int.Parse(step, CultureInfo.InvariantCulture)),
                JsonObject map => map[step],
                _ => null,
            };
        }

        return node.Text();
    }
}
