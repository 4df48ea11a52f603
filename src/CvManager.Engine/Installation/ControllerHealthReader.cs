using System.Globalization;
using System.Text.Json.Nodes;
using CvManager.Cluster;
using CvManager.Leading;
using CvManager.Workloads;

namespace CvManager.Installation;

/// <summary>Reads the Deployment of a controller, its pods and its Lease.</summary>
public static class ControllerHealthReader
{
    /// <param name="cluster">The cluster of the controller.</param>
    /// <param name="ns">The namespace of the controller.</param>
    /// <param name="time">The clock.</param>
    /// <param name="cancellationToken">Stops between two requests.</param>
    /// <exception cref="CvException">The cluster could not be read.</exception>
    public static async Task<ControllerHealth> ReadAsync(
        ClusterConnection cluster,
        string ns,
        TimeProvider time,
        CancellationToken cancellationToken
    )
    {
        ArgumentNullException.ThrowIfNull(cluster);
        ArgumentNullException.ThrowIfNull(time);
        // By label, so that a Deployment that was renamed is found as well.
        var found = await cluster.ListAsync(
            new ResourcePath("apps", "v1", "deployments", ns),
            $"{ControllerManifests.NameLabel}={ControllerManifests.Name}",
            null,
            cancellationToken
        );
        if (found.OrderBy(item => item.Text("metadata", "name") != ControllerManifests.Name).FirstOrDefault() is not { } deployment)
            return new ControllerHealth(ns);
        var selector = string.Join(',', deployment.Map("spec", "selector", "matchLabels").Select(label => $"{label.Key}={label.Value}"));
        var pods = await cluster.ListAsync(new ResourcePath("", "v1", "pods", ns), selector, null, cancellationToken);
        var lease = await cluster.FindAsync(
            new ResourcePath("coordination.k8s.io", "v1", "leases", ns, ControllerManifests.LeaseName),
            cancellationToken
        );
        return Judge(ns, deployment, pods, lease, time.GetUtcNow());
    }

    /// <summary>
    /// Whether the Lease is renewed is not found out by comparing clocks: its holder must be a ready pod, and a pod is ready only while it
    /// renews the Lease (/readyz). Pure.
    /// </summary>
    internal static ControllerHealth Judge(
        string ns,
        JsonObject deployment,
        IReadOnlyList<JsonObject> pods,
        JsonObject? lease,
        DateTimeOffset now
    )
    {
        var replicas = deployment.Number("spec", "replicas") ?? 1;
        var updated = deployment.Number("status", "updatedReplicas") ?? 0;
        var leader = FindLeader(pods, lease);
        return new ControllerHealth(ns)
        {
            Deployment = deployment.Text("metadata", "name"),
            Image = deployment.Items("spec", "template", "spec", "containers").FirstOrDefault()?.Text("image"),
            Replicas = replicas,
            ReadyReplicas = deployment.Number("status", "readyReplicas") ?? 0,
            IsRolledOut =
                deployment.Long("status", "observedGeneration") >= deployment.Long("metadata", "generation")
                && updated >= replicas
                && (deployment.Number("status", "replicas") ?? 0) == updated
                && (deployment.Number("status", "availableReplicas") ?? 0) >= replicas,
            Leader = leader,
            HasFailedPod = pods.Any(pod =>
                pod.Text("metadata", "deletionTimestamp") is null && PodEvidence.FindTrouble(pod) is { IsDecisive: true }
            ),
            Problems =
            [
                .. replicas == 0 ? ["The Deployment is scaled to 0 replicas."] : Array.Empty<string>(),
                // Pods that cannot be created: a quota, or the pod security of the namespace.
                .. deployment
                    .Items("status", "conditions")
                    .Where(condition => condition.Text("type") == "ReplicaFailure" && condition.Text("status") == "True")
                    .Select(condition => PodEvidence.Shown(condition.Text("message"))),
                .. pods.Where(pod => pod.Text("metadata", "deletionTimestamp") is null)
                    .Select(pod => PodEvidence.DescribeUnready(pod, now)?.Message)
                    .OfType<string>(),
                .. leader switch
                {
                    { IsReady: true } => [],
                    null =>
                    [
                        $"No controller leads: Lease {ns}/{ControllerManifests.LeaseName} {(lease is null ? "does not exist" : "has no holder")}.",
                    ],
                    _ => (string[])
                        [
                            $"Lease {ns}/{ControllerManifests.LeaseName} is held by {RemoteText.Show(leader.Name)}, which is not a ready pod of the Deployment.",
                        ],
                },
            ],
        };
    }

    /// <summary>The identity of a controller is the name of its pod and, after an underscore, the UID of the pod or random letters.</summary>
    private static ControllerLeader? FindLeader(IReadOnlyList<JsonObject> pods, JsonObject? lease)
    {
        if (lease.Text("spec", "holderIdentity") is not { Length: > 0 } holder)
            return null;
        var pod = pods.FirstOrDefault(pod =>
            holder.EndsWith($"_{pod.Text("metadata", "uid")}", StringComparison.Ordinal)
            || holder.StartsWith($"{pod.Text("metadata", "name")}_", StringComparison.Ordinal)
        );
        return new ControllerLeader(pod?.Text("metadata", "name") ?? holder, pod is not null && PodEvidence.IsReady(pod))
        {
            Version = lease.Text("metadata", "annotations", LeaseAnnotations.Version),
            Since = Time(lease.Text("spec", "acquireTime")),
            SyncedSince = Time(lease.Text("metadata", "annotations", LeaseAnnotations.SyncedAt)),
            Scope = lease.Text("metadata", "annotations", LeaseAnnotations.Scope)?.Split(',') ?? [],
        };
    }

    private static DateTimeOffset? Time(string? text) =>
        DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time) ? time : null;
}
