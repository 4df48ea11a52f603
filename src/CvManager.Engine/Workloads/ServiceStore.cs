using CvManager.Cluster;

namespace CvManager.Workloads;

/// <summary>The part of a Service that a cut-over needs.</summary>
public sealed record ServiceSelector(string Namespace, string Name, IReadOnlyDictionary<string, string> Selector)
{
    /// <summary>True if the given labels of the selector match a workload's pods.</summary>
    public bool PointsAt(Workload workload, IReadOnlyList<string> labelNames)
    {
        ArgumentNullException.ThrowIfNull(workload);
        ArgumentNullException.ThrowIfNull(labelNames);
        return labelNames.All(label =>
            Selector.TryGetValue(label, out var value) && workload.PodLabels.TryGetValue(label, out var other) && value == other
        );
    }
}

/// <summary>Reads Services, and points them at other pods by compare-and-swap (R3). Thread-safe.</summary>
internal sealed class ServiceStore(ClusterConnection cluster)
{
    /// <summary>Returns null if the Service does not exist.</summary>
    public async Task<ServiceSelector?> FindAsync(string ns, string name, CancellationToken cancellationToken) =>
        await cluster.FindAsync(Path(ns, name), cancellationToken) is { } service
            ? new ServiceSelector(ns, name, service.Map("spec", "selector"))
            : null;

    /// <summary>Sets the given labels of the selector to the values of a workload's pods; other labels are kept.</summary>
    /// <returns>False if the Service changed or was deleted, or if the pods lack a label: read everything again.</returns>
    public async Task<bool> PointAsync(
        ServiceSelector service,
        Workload at,
        IReadOnlyList<string> labelNames,
        CancellationToken cancellationToken
    )
    {
        if (labelNames.Any(label => !at.PodLabels.ContainsKey(label)))
            return false;
        JsonPatch patch = new();
        foreach (var label in labelNames)
        {
            string[] path = ["spec", "selector", label];
            if (service.Selector.TryGetValue(label, out var former))
                patch.Test(path, former);
            patch.Add(path, at.PodLabels[label]);
        }

        return await cluster.TryPatchAsync(Path(service.Namespace, service.Name), patch, cancellationToken) is not null;
    }

    private static ResourcePath Path(string ns, string name) => new("", "v1", "services", ns, name);
}
