using System.Text.Json.Nodes;
using CvManager.Cluster;
using CvManager.Resources;

namespace CvManager.Workloads;

/// <summary>Reads workloads, and changes one container's image and nothing else (R3). Thread-safe.</summary>
/// <param name="cluster">Where they are.</param>
/// <param name="seen">Gets each workload as the API server tells it in answer to a change, before any watch does; null for nobody.</param>
public sealed class WorkloadStore(ClusterConnection cluster, Action<Workload>? seen = null)
{
    /// <summary>Pods looked at for evidence of trouble: the first few tell as much as a thousand.</summary>
    private const int MostPods = 50;

    /// <summary>All workloads that carry the label cvapp. A kind that the cluster does not serve is passed over (R4).</summary>
    /// <param name="space">Null for all namespaces.</param>
    /// <exception cref="CvException">A kind that is served could not be read.</exception>
    public async Task<IReadOnlyList<Workload>> ListAsync(string? space, CancellationToken cancellationToken)
    {
        IReadOnlyList<Workload>[] lists = await Task.WhenAll(WorkloadKind.All.Select(kind => ListAsync(kind, space, cancellationToken)));
        return lists.SelectMany(list => list).ToList();
    }

    /// <summary>A workload as it is now; null where it is gone.</summary>
    public async Task<Workload?> FindAsync(Workload workload, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(workload);
        try
        {
            return Read(WorkloadKind.Find(workload.Kind), await cluster.GetAsync(PathOf(workload), cancellationToken), workload.ApiVersion);
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
    /// <param name="replicas">
    /// What spec.replicas becomes in the same change: a Deployment that was scaled up after its change knows no progress deadline for it. Null
    /// leaves it.
    /// </param>
    public async Task<ImagePatchOutcome> SwapImageAsync(Workload workload, WorkloadContainer container, string to, CancellationToken cancellationToken, int? replicas = null)
    {
        ArgumentNullException.ThrowIfNull(workload);
        ArgumentNullException.ThrowIfNull(container);
        WorkloadKind kind = WorkloadKind.Find(workload.Kind);
        (ImagePatchOutcome outcome, JsonObject? now) = await cluster.SwapImageAsync(PathOf(workload), kind.ContainersPointer(container.IsInit), container.Index,
            container.Name, container.Image, to, cancellationToken, replicas);
        if (now is not null)
            Read(kind, now, workload.ApiVersion);
        return outcome;
    }

    /// <summary>R3: compare and swap of the number of replicas.</summary>
    /// <returns>False where somebody else changed it meanwhile, or the workload is gone.</returns>
    public async Task<bool> ScaleAsync(Workload workload, int to, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(workload);
        JsonArray patch =
        [
            new JsonObject { ["op"] = "test", ["path"] = "/spec/replicas", ["value"] = workload.DesiredPods },
            new JsonObject { ["op"] = "replace", ["path"] = "/spec/replicas", ["value"] = to },
        ];
        try
        {
            Read(WorkloadKind.Find(workload.Kind), await cluster.PatchAsync(PathOf(workload), PatchKind.Json, patch, cancellationToken), workload.ApiVersion);
            return true;
        }
        catch (CvException e) when (e.ErrorId is "ResourceNotFound" or "ResourceConflict" or "ResourceInvalid")
        {
            await FindAsync(workload, cancellationToken);
            return false;
        }
    }

    /// <summary>What the kubelets say of the workload's pods of the present image; null where they say nothing bad.</summary>
    public async Task<Trouble?> FindTroubleAsync(Workload workload, WorkloadContainer container, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(workload);
        WorkloadKind kind = WorkloadKind.Find(workload.Kind);
        if (kind is PodKind)
        {
            JsonObject pod = await cluster.GetAsync(PathOf(workload), cancellationToken);
            return PodTrouble.Find([pod], container);
        }

        if (!kind.HasPods || workload.PodSelector.Length == 0)
            return null;
        IReadOnlyList<JsonObject> pods = await cluster.ListAsync(new ResourcePath("", "v1", "pods", workload.Namespace), workload.PodSelector, null, cancellationToken);
        return PodTrouble.Find(pods.OrderByDescending(p => p.Text("metadata", "creationTimestamp"), StringComparer.Ordinal).Take(MostPods), container);
    }

    private async Task<IReadOnlyList<Workload>> ListAsync(WorkloadKind kind, string? space, CancellationToken cancellationToken)
    {
        foreach (ResourcePath path in PathsOf(kind, space))
        {
            try
            {
                return (await cluster.ListAsync(path, ContainerVersion.SelectorKey, null, item => kind.Read(item, path.Version), cancellationToken)).Items;
            }
            catch (CvException e) when (e.Kind == CvErrorKind.NotFound)
            {
                // Not served in this version; an older or newer one may be.
            }
        }

        return [];
    }

    /// <summary>A kind's collection in each version that can be read, the best first.</summary>
    /// <param name="space">Null for all namespaces.</param>
    internal static IReadOnlyList<ResourcePath> PathsOf(WorkloadKind kind, string? space) =>
        [.. kind.Versions.Select(version => new ResourcePath(kind.Group, version, kind.Plural, space))];

    private static ResourcePath PathOf(Workload workload)
    {
        WorkloadKind kind = WorkloadKind.Find(workload.Kind);
        return new ResourcePath(kind.Group, workload.ApiVersion, kind.Plural, workload.Namespace, workload.Name);
    }

    private Workload Read(WorkloadKind kind, JsonObject json, string version)
    {
        Workload workload = kind.Read(json, version);
        seen?.Invoke(workload);
        return workload;
    }
}
