using System.Text.Json.Nodes;
using CvManager.Cluster;

namespace CvManager.Workloads;

/// <summary>A Service, as much of it as a cut-over needs.</summary>
public sealed record ServiceSelector(string Namespace, string Name, IReadOnlyDictionary<string, string> Selector)
{
    /// <summary>True where these of its labels are those of a workload's pods: its traffic goes there.</summary>
    public bool PointsAt(Workload workload, IReadOnlyList<string> labelNames)
    {
        ArgumentNullException.ThrowIfNull(workload);
        ArgumentNullException.ThrowIfNull(labelNames);
        return labelNames.All(label => Selector.TryGetValue(label, out string? value) && workload.PodLabels.TryGetValue(label, out string? other) && value == other);
    }
}

/// <summary>Reads Services, and points them at other pods (R3: compare and swap). Thread-safe.</summary>
internal sealed class ServiceStore(ClusterConnection cluster)
{
    /// <summary>Null where there is none.</summary>
    public async Task<ServiceSelector?> FindAsync(string ns, string name, CancellationToken cancellationToken)
    {
        try
        {
            JsonObject service = await cluster.GetAsync(Path(ns, name), cancellationToken);
            return new ServiceSelector(ns, name, service.Map("spec", "selector"));
        }
        catch (CvException e) when (e.ErrorId == ErrorIds.ResourceNotFound)
        {
            return null;
        }
    }

    /// <summary>Gives some labels of its selector the values that a workload's pods have; the others stay.</summary>
    /// <returns>False where it is no longer as it was read, or is gone, or the pods lack a label: all is to be read again.</returns>
    public async Task<bool> PointAsync(ServiceSelector service, Workload at, IReadOnlyList<string> labelNames, CancellationToken cancellationToken)
    {
        if (labelNames.Any(label => !at.PodLabels.ContainsKey(label)))
            return false;
        JsonArray patch = [];
        foreach (string label in labelNames)
        {
            string path = $"/spec/selector/{label.Replace("~", "~0", StringComparison.Ordinal).Replace("/", "~1", StringComparison.Ordinal)}";
            if (service.Selector.TryGetValue(label, out string? former))
                patch.Add(new JsonObject { ["op"] = "test", ["path"] = path, ["value"] = former });
            patch.Add(new JsonObject { ["op"] = "add", ["path"] = path, ["value"] = at.PodLabels[label] });
        }

        try
        {
            await cluster.PatchAsync(Path(service.Namespace, service.Name), PatchKind.Json, patch, cancellationToken);
            return true;
        }
        catch (CvException e) when (e.ErrorId is ErrorIds.ResourceNotFound or ErrorIds.ResourceConflict or ErrorIds.ResourceInvalid)
        {
            return false;
        }
    }

    private static ResourcePath Path(string ns, string name) => new("", "v1", "services", ns, name);
}
