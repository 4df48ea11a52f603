using System.Globalization;
using System.Text.Json.Nodes;
using CvManager.Cluster;
using CvManager.Resources;

namespace CvManager.Workloads;

/// <summary>The progress of the replacement of pods.</summary>
/// <param name="Progress">The progress.</param>
/// <param name="Replacement">The replacement to write to the status before the next step.</param>
internal sealed record ReplacementProgress(WorkloadProgress Progress, PodReplacementStatus? Replacement);

/// <summary>
/// Replaces pods that their controller does not replace: those of a ReplicaSet, which never changes running pods, and a pod of a
/// StatefulSet that cannot become ready and so blocks the update (Kubernetes documentation, "StatefulSets", "Forced rollback"). Stateless;
/// thread-safe.
/// </summary>
/// <remarks>
/// Replaces one pod at a time, and writes it to the status before the eviction. The next pod follows only when the replacement has the
/// version: if something gives pods another image, only one pod is lost, not all of them repeatedly. Pods are evicted, so that
/// PodDisruptionBudgets are honoured.
/// </remarks>
internal sealed class PodReplacement(ClusterConnection cluster)
{
    /// <summary>The API version of Eviction: v1 since Kubernetes 1.22, v1beta1 until 1.24.</summary>
    private volatile string _evictionVersion = "policy/v1";

    /// <summary>Replaces the pods of a ReplicaSet (R4).</summary>
    /// <param name="workload">The ReplicaSet, whose template already has the image.</param>
    /// <param name="container">The container of its template.</param>
    /// <param name="digest">The digest of the image; null if unknown.</param>
    /// <param name="replacement">The replacement in the status.</param>
    /// <param name="now">The time.</param>
    /// <param name="cancellationToken">Stops between two requests.</param>
    public async Task<ReplacementProgress> AdvanceAsync(
        Workload workload,
        WorkloadContainer container,
        string? digest,
        PodReplacementStatus? replacement,
        DateTimeOffset now,
        CancellationToken cancellationToken
    )
    {
        if (!workload.IsObserved)
            return new ReplacementProgress(workload.Progress, replacement);
        // A recreated ReplicaSet of the same name has other pods: ignore the replacement of its predecessor.
        if (replacement?.Owner is { } owner && owner != workload.Uid)
            replacement = null;
        List<JsonObject> own =
        [
            .. (await ListAsync(workload, cancellationToken))
                .Where(pod => pod.Text("status", "phase") is not ("Succeeded" or "Failed"))
                .OrderBy(pod => pod.Text("metadata", "creationTimestamp"), StringComparer.Ordinal)
                .ThenBy(NameOf, StringComparer.Ordinal),
        ];
        if (own.Find(pod => pod.At("metadata", "deletionTimestamp") is not null) is { } leaving)
        {
            var waits = $"pod {NameOf(leaving)} is terminating";
            return new ReplacementProgress(
                PodEvidence.FindStuckDeletion(leaving, now) is { } stuck
                    ? WorkloadProgress.Blocked(stuck.By, stuck.Message)
                    : WorkloadProgress.Waiting(waits),
                replacement
            );
        }

        var updated = own.Count(IsUpdated);
        if (replacement?.Uid is { } uid)
        {
            if (own.Find(pod => pod.Text("metadata", "uid") == uid) is { } chosen && !IsUpdated(chosen))
                return new ReplacementProgress(
                    await ReleaseAsync(chosen, $"{updated} of {own.Count} pods replaced", cancellationToken),
                    replacement
                );
            if (own.Count < workload.DesiredPods)
                return new ReplacementProgress(Missing(), replacement);
            // With fewer pods than before, the ReplicaSet was scaled down and the pod has no replacement.
            if (updated <= replacement.Updated && own.Count >= replacement.Pods)
            {
                // The number of updated pods has not increased: something rewrites pod images, either to another name of the image, which
                // the newest pod has, or to a different image.
                var last = own.Count == 0 ? null : own[^1].Text("metadata", "creationTimestamp");
                var given =
                    own.Where(pod => pod.Text("metadata", "creationTimestamp") == last)
                        .Select(pod => PodEvidence.ImageOf(pod, container))
                        .FirstOrDefault(image => image != replacement.Image)
                    ?? replacement.Image;
                if (given is null || given == replacement.Image || replacement.PodImage is not null)
                {
                    return new ReplacementProgress(
                        WorkloadProgress.Blocked(
                            ConditionReasons.PodsNotUpdated,
                            $"the replacement pod has the image {given} instead of {container.Image}: something, such as an "
                                + "admission webhook, rewrites pod images; "
                                + "no more pods are replaced"
                        ),
                        replacement
                    );
                }

                replacement = replacement with { PodImage = given };
                updated = own.Count(IsUpdated);
            }

            replacement = replacement with { Pod = null, Uid = null, Image = null, Updated = 0, Pods = 0 };
        }

        if (own.Find(pod => IsUpdated(pod) && !PodEvidence.IsReady(pod)) is { } coming)
            return new ReplacementProgress(
                WorkloadProgress.Waiting($"{updated - 1} of {own.Count} pods replaced; pod {NameOf(coming)} is not ready"),
                replacement
            );
        if (own.Count < workload.DesiredPods)
            return new ReplacementProgress(Missing(), replacement);
        // Pods that are not ready first.
        if (
            own.Where(pod => !IsUpdated(pod)).OrderBy(PodEvidence.IsReady).ThenBy(NameOf, StringComparer.Ordinal).FirstOrDefault()
            is not { } old
        )
            return new ReplacementProgress(
                WorkloadProgress.Done($"{own.Count} of {workload.DesiredPods} pods run the image and are ready"),
                replacement
            );
        return new ReplacementProgress(
            WorkloadProgress.Waiting($"{updated} of {own.Count} pods replaced; pod {NameOf(old)} is next"),
            (replacement ?? new PodReplacementStatus()) with
            {
                Pod = NameOf(old),
                Uid = old.Text("metadata", "uid"),
                Owner = workload.Uid,
                Image = PodEvidence.ImageOf(old, container),
                Updated = updated,
                Pods = own.Count,
            }
        );

        bool IsUpdated(JsonObject pod) =>
            PodEvidence.HasImage(pod, container, container.Image, digest)
            || (replacement?.PodImage is { } given && PodEvidence.ImageOf(pod, container) == given);

        WorkloadProgress Missing() =>
            workload.Progress.BlockedBy is not null
                ? workload.Progress
                : WorkloadProgress.Waiting($"{own.Count} of {workload.DesiredPods} pods exist");
    }

    /// <summary>
    /// Replaces a pod of an earlier revision that is not ready, and so blocks the update of a StatefulSet. Null if there is none.
    /// </summary>
    /// <param name="workload">A StatefulSet that is not done.</param>
    /// <param name="container">The container of its template.</param>
    /// <param name="failed">In a rollback, the image that failed; null in a rollout.</param>
    /// <param name="replacement">The replacement in the status.</param>
    /// <param name="now">The time.</param>
    /// <param name="cancellationToken">Stops between two requests.</param>
    public async Task<ReplacementProgress?> UnblockAsync(
        Workload workload,
        WorkloadContainer container,
        string? failed,
        PodReplacementStatus? replacement,
        DateTimeOffset now,
        CancellationToken cancellationToken
    )
    {
        if (!workload.IsObserved || workload.Revision is not { } revision)
            return null;
        var own = await ListAsync(workload, cancellationToken);
        var stuck = own.OrderByDescending(Ordinal).FirstOrDefault(IsStuck);
        if (own.FirstOrDefault(pod => pod.At("metadata", "deletionTimestamp") is not null) is { } leaving)
        {
            return PodEvidence.FindStuckDeletion(leaving, now) is { } stays
                ? new ReplacementProgress(WorkloadProgress.Blocked(stays.By, stays.Message), replacement)
                : null;
        }

        if (stuck is null)
            return null;
        var title = $"pod {NameOf(stuck)} of an earlier revision is not ready and prevents the StatefulSet from replacing pods";
        if (replacement?.Uid == stuck.Text("metadata", "uid"))
            return new ReplacementProgress(await ReleaseAsync(stuck, title, cancellationToken), replacement);
        if (replacement is not null && replacement.Pod == NameOf(stuck) && replacement.Image == Revision(stuck))
            return new ReplacementProgress(
                WorkloadProgress.Blocked(
                    ConditionReasons.PodsNotUpdated,
                    $"{title}; it was replaced once, but has the same revision again"
                ),
                replacement
            );
        return new ReplacementProgress(
            WorkloadProgress.Waiting($"{title}; replacing the pod"),
            new PodReplacementStatus
            {
                Pod = NameOf(stuck),
                Uid = stuck.Text("metadata", "uid"),
                Image = Revision(stuck),
            }
        );

        bool IsStuck(JsonObject pod) =>
            Revision(pod) != revision.Value
            && Ordinal(pod) >= workload.Partition
            && !PodEvidence.IsReady(pod)
            && pod.At("metadata", "deletionTimestamp") is null
            && (
                (failed is not null && PodEvidence.HasImage(pod, container, failed, null))
                || PodEvidence.FindTrouble(pod) is not null
                || PodEvidence.IsLongUnready(pod, now)
            );

        string? Revision(JsonObject pod) => pod.Text("metadata", "labels", revision.Label);

        static int Ordinal(JsonObject pod) =>
            NameOf(pod) is { } name
            && int.TryParse(name.AsSpan(name.LastIndexOf('-') + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var number)
                ? number
                : 0;
    }

    private async Task<IReadOnlyList<JsonObject>> ListAsync(Workload workload, CancellationToken cancellationToken) =>
        [
            .. (await cluster.ListAsync(Pods(workload.Namespace), workload.PodSelector, null, cancellationToken)).Where(pod =>
                PodEvidence.IsOwnedBy(pod, workload.Uid)
            ),
        ];

    /// <summary>Evicts a pod. A pod that is not ready is deleted if an exhausted PodDisruptionBudget would block it forever.</summary>
    private async Task<WorkloadProgress> ReleaseAsync(JsonObject pod, string title, CancellationToken cancellationToken)
    {
        var path = Pods(pod.Text("metadata", "namespace")!) with { Name = NameOf(pod) };
        var uid = pod.Text("metadata", "uid")!;
        try
        {
            if (await EvictAsync(path, uid, cancellationToken) is { } refusal)
            {
                if (PodEvidence.IsReady(pod))
                {
                    return WorkloadProgress.Blocked(
                        ConditionReasons.DisruptionBudget,
                        $"{title}; a PodDisruptionBudget prevents the eviction of pod {NameOf(pod)}: {refusal.Message}"
                    );
                }

                await cluster.DeleteAsync(path, cancellationToken, uid);
            }
        }
        catch (CvException e) when (e.Kind == CvErrorKind.NotFound || e.ErrorId == ErrorIds.ResourceConflict)
        {
            // Already deleted, or replaced by a pod of the same name: the next step checks.
        }

        return WorkloadProgress.Waiting($"{title}; replacing pod {NameOf(pod)}");
    }

    /// <summary>Kubernetes documentation, "API-initiated Eviction".</summary>
    /// <returns>The error of the disruption budget; null if the pod was evicted.</returns>
    private async Task<CvException?> EvictAsync(ResourcePath path, string uid, CancellationToken cancellationToken)
    {
        var version = _evictionVersion;
        try
        {
            await cluster.CreateAsync(
                path with
                {
                    Subresource = "eviction",
                },
                new JsonObject
                {
                    ["apiVersion"] = version,
                    ["kind"] = "Eviction",
                    ["metadata"] = new JsonObject { ["name"] = path.Name, ["namespace"] = path.Namespace },
                    ["deleteOptions"] = new JsonObject { ["preconditions"] = new JsonObject { ["uid"] = uid } },
                },
                cancellationToken
            );
            return null;
        }
        catch (CvException e) when (e.ErrorId == ErrorIds.PodDisruptionBudgetViolated)
        {
            return e;
        }
        catch (CvException e) when (e.Kind == CvErrorKind.Invalid && version == "policy/v1")
        {
            // API servers before Kubernetes 1.22 do not serve this version.
            _evictionVersion = "policy/v1beta1";
            return await EvictAsync(path, uid, cancellationToken);
        }
    }

    private static ResourcePath Pods(string ns) => new("", "v1", "pods", ns);

    private static string? NameOf(JsonObject pod) => pod.Text("metadata", "name");
}
