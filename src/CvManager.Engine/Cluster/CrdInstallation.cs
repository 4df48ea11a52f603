using System.Text.Json.Nodes;
using CvManager.Resources;

namespace CvManager.Cluster;

public enum CrdInstallationOutcome
{
    Created,
    Updated,
    Unchanged,
}

/// <summary>Creates or updates the custom resource definition in a cluster, and waits until it is served.</summary>
public static class CrdInstallation
{
    private const int MaxAttempts = 20;

    private static readonly string[] Maps = ["labels", "annotations"];
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);
    private static readonly ResourcePath Path = new(
        "apiextensions.k8s.io",
        "v1",
        "customresourcedefinitions",
        null,
        CustomResourceDefinition.Name
    );

    /// <exception cref="CvException"><c>ClusterForbidden</c>, <c>CrdNotEstablished</c>, or a connection error.</exception>
    public static async Task<CrdInstallationOutcome> InstallAsync(
        ClusterConnection cluster,
        TimeProvider time,
        CancellationToken cancellationToken
    )
    {
        ArgumentNullException.ThrowIfNull(cluster);
        ArgumentNullException.ThrowIfNull(time);
        (var after, var outcome) = await WriteAsync(cluster, time, cancellationToken);
        // The condition Established precedes discovery by a moment: wait for both.
        var started = time.GetTimestamp();
        while (!IsEstablished(after) || !await cluster.ServesAsync(ContainerVersion.Group, ContainerVersion.Version, cancellationToken))
        {
            if (time.GetElapsedTime(started) >= Limit)
            {
                throw new CvException(
                    ErrorIds.CrdNotEstablished,
                    CvErrorKind.Timeout,
                    $"{CustomResourceDefinition.Name} was not established within {Limit.TotalSeconds:0} s.",
                    "Check its conditions: kubectl describe crd containerversions.custom.k8s.io."
                )
                {
                    Target = CustomResourceDefinition.Name,
                };
            }

            await Task.Delay(Interval, time, cancellationToken);
            after = await cluster.GetAsync(Path, cancellationToken);
        }

        return outcome;
    }

    private static async Task<(JsonObject Definition, CrdInstallationOutcome Outcome)> WriteAsync(
        ClusterConnection cluster,
        TimeProvider time,
        CancellationToken cancellationToken
    )
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                if (await cluster.FindAsync(Path, cancellationToken) is not { } before)
                    return (
                        await cluster.CreateAsync(Path with { Name = null }, CustomResourceDefinition.Json, cancellationToken),
                        CrdInstallationOutcome.Created
                    );
                var after = await cluster.ReplaceAsync(Path, Merge(before), cancellationToken);
                return (after, IsSame(before, after) ? CrdInstallationOutcome.Unchanged : CrdInstallationOutcome.Updated);
            }
            catch (CvException e) when (e.ErrorId is ErrorIds.ResourceConflict or ErrorIds.ResourceAlreadyExists && attempt < MaxAttempts)
            {
                // Another client installs it too, or the API server updates its status: read it again.
            }

            await Task.Delay(Interval, time, cancellationToken);
        }
    }

    /// <summary>
    /// The existing definition with our spec. Labels and annotations of others (Helm, kubectl) are kept. Server-side apply would do the
    /// same, but API servers before 1.23 reject <c>x-kubernetes-validations</c> in it; on a plain update they prune that field.
    /// </summary>
    private static JsonObject Merge(JsonObject before)
    {
        var manifest = CustomResourceDefinition.Json;
        var merged = (JsonObject)before.DeepClone();
        merged["spec"] = manifest["spec"]!.DeepClone();
        foreach (var map in Maps)
        {
            foreach ((var key, var value) in manifest["metadata"]![map] as JsonObject ?? [])
            {
                if (merged["metadata"]![map] is not JsonObject)
                    merged["metadata"]![map] = new JsonObject();
                merged["metadata"]![map]![key] = value?.DeepClone();
            }
        }

        return merged;
    }

    /// <summary>The resource version cannot be compared: the first update after a creation changes it by adding a field manager.</summary>
    private static bool IsSame(JsonObject before, JsonObject after) =>
        Maps.Append("generation").All(field => JsonNode.DeepEquals(before["metadata"]![field], after["metadata"]![field]));

    private static bool IsEstablished(JsonObject crd) =>
        crd.Items("status", "conditions").Any(condition => condition.Text("type") == "Established" && condition.Text("status") == "True");
}
