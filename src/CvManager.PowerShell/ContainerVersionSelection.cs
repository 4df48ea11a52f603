using CvManager.Cluster;
using Resource = CvManager.Resources.ContainerVersion;

namespace CvManager.PowerShell;

/// <summary>
/// Selects each ContainerVersion once, although several pipeline objects (workloads, records) can refer to it. One instance per cmdlet.
/// </summary>
internal sealed class ContainerVersionSelection
{
    private readonly HashSet<string> _selected = new(StringComparer.Ordinal);

    /// <summary>Returns the ContainerVersions that one pipeline object selects, without those that earlier objects selected.</summary>
    /// <param name="cluster">The cluster to read.</param>
    /// <param name="ns">Null for all namespaces.</param>
    /// <param name="workloadCV">The ContainerVersion of a workload, which takes precedence over names. Null or empty if it is not a
    /// workload.</param>
    /// <param name="names">The names to use otherwise.</param>
    /// <param name="labelSelector">Null to select all.</param>
    /// <param name="notFound">Called with an error for each exact name that does not exist.</param>
    /// <param name="cancellationToken">Cancels the requests.</param>
    /// <exception cref="CvException">The cluster could not be read.</exception>
    public async Task<IReadOnlyList<Resource>> FindAsync(
        ClusterConnection cluster,
        string? ns,
        string? workloadCV,
        string[] names,
        string? labelSelector,
        Func<CvException, Task> notFound,
        CancellationToken cancellationToken
    )
    {
        // Checked before the read: an earlier object may have led to its removal.
        if (workloadCV is { Length: > 0 } && ns is not null && _selected.Contains($"{ns}/{workloadCV}"))
            return [];
        var found = await ContainerVersionLookup.FindAsync(
            cluster,
            ns,
            NamePatterns.Of(workloadCV, names),
            labelSelector,
            notFound,
            cancellationToken
        );
        return [.. found.Where(resource => _selected.Add(resource.Key))];
    }
}
