using System.Text.Json.Nodes;
using CvManager.Cluster;

namespace CvManager.Workloads;

/// <summary>
/// Replaces the pods of a ReplicaSet one by one (R4): its controller leaves pods alone that run, whatever its template says by now.
/// Keeps nothing between two steps. Thread-safe.
/// </summary>
internal sealed class PodReplacement(ClusterConnection cluster)
{
    /// <summary>Deletes at most one pod that runs another image, and only once all those replaced before it are ready.</summary>
    /// <param name="workload">Its template has the image already.</param>
    /// <param name="container">The container of its template.</param>
    public async Task<WorkloadProgress> AdvanceAsync(Workload workload, WorkloadContainer container, CancellationToken cancellationToken)
    {
        if (workload.Progress.State == ProgressState.Failed)
            return workload.Progress;
        string list = container.IsInit ? "initContainers" : "containers";
        ResourcePath pods = new("", "v1", "pods", workload.Namespace);
        IReadOnlyList<JsonObject> all = await cluster.ListAsync(pods, workload.PodSelector, null, cancellationToken);
        List<JsonObject> own = [.. all.Where(pod => pod.Items("metadata", "ownerReferences").Any(owner => owner.Text("uid") == workload.Uid))
            .OrderBy(pod => pod.Text("metadata", "name"), StringComparer.Ordinal)];
        if (own.Find(pod => pod.At("metadata", "deletionTimestamp") is not null) is { } leaving)
            return WorkloadProgress.Waiting($"pod {leaving.Text("metadata", "name")} is being terminated");
        ILookup<bool, JsonObject> isNew = own.ToLookup(pod => pod.Items("spec", list).Any(c => c.Text("name") == container.Name && c.Text("image") == container.Image));
        if (isNew[true].FirstOrDefault(pod => !IsReady(pod)) is { } coming)
            return WorkloadProgress.Waiting($"{isNew[true].Count() - 1} of {own.Count} pods replaced; pod {coming.Text("metadata", "name")} is not ready");
        if (own.Count < workload.DesiredPods)
            return WorkloadProgress.Waiting($"{own.Count} of {workload.DesiredPods} pods exist");
        // One that does not work anyhow goes first.
        if (isNew[false].OrderBy(IsReady).FirstOrDefault() is not { } old)
            return WorkloadProgress.Done($"{own.Count} of {workload.DesiredPods} pods run it and are ready");
        string name = old.Text("metadata", "name")!;
        try
        {
            await cluster.DeleteAsync(pods with { Name = name }, cancellationToken, old.Text("metadata", "uid"));
        }
        catch (CvException e) when (e.Kind == CvErrorKind.NotFound || e.ErrorId == "ResourceConflict")
        {
            // Gone already, or another pod of that name: the next step sees.
        }

        return WorkloadProgress.Waiting($"{isNew[true].Count()} of {own.Count} pods replaced; pod {name} is next");
    }

    private static bool IsReady(JsonObject pod) => pod.Items("status", "conditions").Any(c => c.Text("type") == "Ready" && c.Text("status") == "True");
}
