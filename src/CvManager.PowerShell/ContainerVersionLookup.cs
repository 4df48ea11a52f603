using CvManager.Cluster;
using Resource = CvManager.Resources.ContainerVersion;

namespace CvManager.PowerShell;

/// <summary>Finds the ContainerVersions that -Name, -Namespace and -LabelSelector select.</summary>
internal static class ContainerVersionLookup
{
    /// <param name="cluster">The cluster to read.</param>
    /// <param name="ns">Null for all namespaces.</param>
    /// <param name="names">Exact names must exist; wildcards need not match.</param>
    /// <param name="labelSelector">Null to select all.</param>
    /// <param name="notFound">Called with an error for each exact name that does not exist.</param>
    /// <param name="cancellationToken">Cancels the requests.</param>
    /// <exception cref="CvException">The cluster could not be read.</exception>
    public static async Task<IReadOnlyList<Resource>> FindAsync(
        ClusterConnection cluster,
        string? ns,
        NamePatterns names,
        string? labelSelector,
        Func<CvException, Task> notFound,
        CancellationToken cancellationToken
    )
    {
        var store = new ContainerVersionStore(cluster);
        if (ns is null || labelSelector is not null || !names.OnlyExact)
            return await SelectAsync(await store.ListAsync(ns, labelSelector, cancellationToken), names, ns, notFound);

        List<Resource> found = [];
        foreach (var name in names.ExactNames)
        {
            // A name with a slash cannot exist.
            if (!name.Contains('/', StringComparison.Ordinal) && await store.FindAsync(ns, name, cancellationToken) is { } resource)
                found.Add(resource);
            else
                await notFound(NotFound(name, ns));
        }

        return found;
    }

    /// <summary>Selects ContainerVersions from a list, ordered by namespace and name.</summary>
    public static async Task<IReadOnlyList<Resource>> SelectAsync(
        IEnumerable<Resource> all,
        NamePatterns names,
        string? ns,
        Func<CvException, Task> notFound
    )
    {
        var found = all.Where(resource => names.Matches(resource.Metadata.Name))
            .OrderBy(resource => resource.Metadata.Namespace, StringComparer.Ordinal)
            .ThenBy(resource => resource.Metadata.Name, StringComparer.Ordinal)
            .ToList();
        foreach (var name in names.ExactNames.Where(name => found.TrueForAll(resource => resource.Metadata.Name != name)))
            await notFound(NotFound(name, ns));
        return found;
    }

    private static CvException NotFound(string name, string? ns) =>
        new(
            ErrorIds.ContainerVersionNotFound,
            CvErrorKind.NotFound,
            ns is null
                ? $"ContainerVersion '{name}' not found in any namespace."
                : $"ContainerVersion '{name}' not found in namespace '{ns}'.",
            // An object that was converted to text is namespace/name; a name cannot contain a slash.
            name.Contains('/', StringComparison.Ordinal)
                ? "Pipe the object to the cmdlet, or specify its name with -Name and its namespace with -Namespace."
                : "Run Get-ContainerVersion -AllNamespaces to list the ContainerVersions."
        )
        {
            Target = ns is null ? name : $"{ns}/{name}",
        };
}
