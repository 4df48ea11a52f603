using System.Text.Json.Nodes;
using CvManager.Resources;

namespace CvManager.Cluster;

public enum CrdInstallationOutcome
{
    Created,
    Updated,
    Unchanged,
}

/// <summary>Puts the custom resource definition into a cluster, and waits until it is served.</summary>
public static class CrdInstallation
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);
    private static readonly ResourcePath Path = new("apiextensions.k8s.io", "v1", "customresourcedefinitions", null, CustomResourceDefinition.Name);

    /// <exception cref="CvException"><c>ClusterForbidden</c>, <c>CrdNotEstablished</c>, or the cluster could not be asked.</exception>
    public static async Task<CrdInstallationOutcome> InstallAsync(ClusterConnection cluster, TimeProvider time, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(cluster);
        ArgumentNullException.ThrowIfNull(time);
        JsonObject? before = await FindAsync(cluster, cancellationToken);
        JsonObject after;
        CrdInstallationOutcome outcome;
        if (before is null)
        {
            after = await cluster.CreateAsync(Path with { Name = null }, CustomResourceDefinition.Json, cancellationToken);
            outcome = CrdInstallationOutcome.Created;
        }
        else
        {
            JsonObject manifest = CustomResourceDefinition.Json;
            manifest["metadata"]!["resourceVersion"] = before["metadata"]!["resourceVersion"]!.DeepClone();
            after = await cluster.ReplaceAsync(Path, manifest, cancellationToken);
            bool same = JsonNode.DeepEquals(after["metadata"]!["resourceVersion"], before["metadata"]!["resourceVersion"]);
            outcome = same ? CrdInstallationOutcome.Unchanged : CrdInstallationOutcome.Updated;
        }

        DateTimeOffset deadline = time.GetUtcNow() + Limit;
        while (!IsServed(after))
        {
            if (time.GetUtcNow() >= deadline)
            {
                throw new CvException("CrdNotEstablished", CvErrorKind.Timeout, $"{CustomResourceDefinition.Name} was not established within {Limit.TotalSeconds:0} s.",
                    "See its conditions: kubectl describe crd containerversions.custom.k8s.io.") { Target = CustomResourceDefinition.Name };
            }

            await Task.Delay(TimeSpan.FromMilliseconds(100), time, cancellationToken);
            after = await cluster.GetAsync(Path, cancellationToken);
        }

        // Established a moment before its paths answer: the first list tells that they do.
        while (!await AnswersAsync(cluster, cancellationToken) && time.GetUtcNow() < deadline)
            await Task.Delay(TimeSpan.FromMilliseconds(100), time, cancellationToken);
        return outcome;
    }

    private static async Task<JsonObject?> FindAsync(ClusterConnection cluster, CancellationToken cancellationToken)
    {
        try
        {
            return await cluster.GetAsync(Path, cancellationToken);
        }
        catch (CvException e) when (e.Kind == CvErrorKind.NotFound)
        {
            return null;
        }
    }

    private static async Task<bool> AnswersAsync(ClusterConnection cluster, CancellationToken cancellationToken)
    {
        try
        {
            await cluster.GetRawAsync($"apis/{ContainerVersion.Group}/{ContainerVersion.Version}", cancellationToken);
            return true;
        }
        catch (CvException e) when (e.Kind == CvErrorKind.NotFound)
        {
            return false;
        }
    }

    private static bool IsServed(JsonObject crd) => (crd["status"]?["conditions"] as JsonArray)?.Any(c =>
        c?["type"]?.GetValue<string>() == "Established" && c["status"]?.GetValue<string>() == "True") == true;
}
