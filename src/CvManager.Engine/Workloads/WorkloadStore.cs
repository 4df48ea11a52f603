using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using CvManager.Cluster;
using CvManager.Resources;

namespace CvManager.Workloads;

/// <summary>Reads workloads, and changes one container's image and nothing else (R3).</summary>
/// <remarks>Thread-safe. Remembers which API version a cluster serves of each kind, for the connection's life.</remarks>
public sealed class WorkloadStore(ClusterConnection cluster)
{
    /// <summary>Pods looked at for evidence of trouble: the first few tell as much as a thousand.</summary>
    private const int MostPods = 50;

    private readonly ConcurrentDictionary<string, string> _served = new(StringComparer.Ordinal);

    /// <summary>All workloads that carry the label cvapp. A kind that the cluster does not serve is passed over (R4).</summary>
    /// <param name="space">Null for all namespaces.</param>
    /// <exception cref="CvException">A kind that is served could not be read.</exception>
    public async Task<IReadOnlyList<Workload>> ListAsync(string? space, CancellationToken cancellationToken)
    {
        IReadOnlyList<Workload>[] lists = await Task.WhenAll(WorkloadKind.All.Select(kind => ListAsync(kind, space, cancellationToken)));
        return lists.SelectMany(list => list).ToList();
    }

    /// <summary>One workload as it is now; null where it is gone.</summary>
    public async Task<Workload?> FindAsync(string kind, string space, string name, CancellationToken cancellationToken)
    {
        WorkloadKind reader = WorkloadKind.Find(kind);
        try
        {
            return reader.Read(await cluster.GetAsync(Path(reader, space, name), cancellationToken));
        }
        catch (CvException e) when (e.Kind == CvErrorKind.NotFound)
        {
            return null;
        }
    }

    /// <summary>Creates a workload from a manifest.</summary>
    /// <exception cref="CvException"><c>ResourceAlreadyExists</c>, <c>ResourceInvalid</c>, or the cluster could not be asked.</exception>
    public Task CreateAsync(WorkloadKind kind, string space, JsonObject manifest, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(kind);
        ArgumentNullException.ThrowIfNull(manifest);
        // The version is the manifest's own: that is what its fields were written for.
        string version = manifest.Text("apiVersion")?.Split('/')[^1] ?? kind.Versions[0];
        return cluster.CreateAsync(new ResourcePath(kind.Group, version, kind.Plural, space), manifest, cancellationToken);
    }

    /// <summary>R3: compare and swap of one image.</summary>
    public Task<ImagePatchOutcome> SwapImageAsync(Workload workload, WorkloadContainer container, string to, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(workload);
        ArgumentNullException.ThrowIfNull(container);
        WorkloadKind kind = WorkloadKind.Find(workload.Kind);
        return cluster.SwapImageAsync(Path(kind, workload.Namespace, workload.Name), kind.ContainersPointer(container.IsInit), container.Index,
            container.Name, container.Image, to, cancellationToken);
    }

    /// <summary>What the kubelets say of the workload's pods of the present image; null where they say nothing bad.</summary>
    public async Task<string?> FindTroubleAsync(Workload workload, WorkloadContainer container, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(workload);
        WorkloadKind kind = WorkloadKind.Find(workload.Kind);
        if (kind is PodKind)
        {
            JsonObject pod = await cluster.GetAsync(Path(kind, workload.Namespace, workload.Name), cancellationToken);
            return PodTrouble.Find([pod], container);
        }

        if (!kind.HasPods || workload.PodSelector.Length == 0)
            return null;
        IReadOnlyList<JsonObject> pods = await cluster.ListAsync(new ResourcePath("", "v1", "pods", workload.Namespace), workload.PodSelector, null, cancellationToken);
        return PodTrouble.Find(pods.OrderByDescending(p => p.Text("metadata", "creationTimestamp"), StringComparer.Ordinal).Take(MostPods), container);
    }

    private async Task<IReadOnlyList<Workload>> ListAsync(WorkloadKind kind, string? space, CancellationToken cancellationToken)
    {
        foreach (string version in _served.TryGetValue(kind.Name, out string? known) ? [known] : kind.Versions)
        {
            try
            {
                IReadOnlyList<JsonObject> items = await cluster.ListAsync(new ResourcePath(kind.Group, version, kind.Plural, space), ContainerVersion.SelectorKey, null, cancellationToken);
                _served[kind.Name] = version;
                return items.Select(kind.Read).ToList();
            }
            catch (CvException e) when (e.Kind == CvErrorKind.NotFound)
            {
                // Not served in this version; an older or newer one may be.
            }
        }

        return [];
    }

    private ResourcePath Path(WorkloadKind kind, string space, string name) =>
        new(kind.Group, _served.GetValueOrDefault(kind.Name, kind.Versions[0]), kind.Plural, space, name);
}
