using CvManager.Cluster;
using Resource = CvManager.Resources.ContainerVersion;

namespace CvManager.PowerShell;

/// <summary>
/// The ContainerVersions that a pipeline names: each of them once, as several of its objects (workloads, records) can be of one. For one cmdlet.
/// </summary>
internal sealed class ContainerVersionSelection
{
    private readonly HashSet<string> _asked = new(StringComparer.Ordinal);

    /// <summary>Those of one object of the pipeline that no object before it named.</summary>
    /// <param name="cluster">Where they are.</param>
    /// <param name="ns">Null for all namespaces.</param>
    /// <param name="workloadsCV">The ContainerVersion of a workload, which goes before its name; null or empty where it is none.</param>
    /// <param name="names">The names, where it is none.</param>
    /// <param name="labelSelector">Null for all.</param>
    /// <param name="notFound">Gets an error for each exact name that is not there.</param>
    /// <param name="cancellationToken">Stops between two requests.</param>
    /// <exception cref="CvException">The cluster could not be asked.</exception>
    public async Task<IReadOnlyList<Resource>> FindAsync(ClusterConnection cluster, string? ns, string? workloadsCV, string[] names, string? labelSelector,
        Func<CvException, Task> notFound, CancellationToken cancellationToken)
    {
        // Before it is read: it may have been removed by now.
        if (workloadsCV is { Length: > 0 } && ns is not null && _asked.Contains($"{ns}/{workloadsCV}"))
            return [];
        var found = await ContainerVersionLookup.FindAsync(cluster, ns, NamePatterns.Of(workloadsCV, names), labelSelector, notFound, cancellationToken);
        return [.. found.Where(resource => _asked.Add(resource.Key))];
    }
}
