using System.Text.Json.Nodes;
using CvManager.Cluster;
using CvManager.Resources;

namespace CvManager.Workloads;

/// <summary>Reads workloads, and changes one container's image and nothing else (R3). Thread-safe.</summary>
/// <param name="cluster">The cluster with the workloads.</param>
/// <param name="seen">Called with each workload in a response of the API server, before a watch reports it; may be null.</param>
public sealed class WorkloadStore(ClusterConnection cluster, Action<Workload>? seen = null)
{
    /// <summary>The maximum number of pods to check for evidence: more would not add information.</summary>
    private const int MaxPods = 50;

    /// <summary>Reasons that nodes report only as events.</summary>
    private static readonly string[] SetUpFailures =
    [
        "FailedMount",
        "FailedAttachVolume",
        "FailedMapVolume",
        "FailedCreatePodSandBox",
        "NetworkNotReady",
    ];

    /// <summary>What the kubelet reports about a container that has not started.</summary>
    private static readonly string[] StartReports = ["Pulling", .. SetUpFailures];

    /// <summary>What the kubelet reports about a probe.</summary>
    private static readonly string[] ProbeReports = ["Unhealthy"];

    /// <summary>Events have the time of the writer's clock.</summary>
    private static readonly TimeSpan ClockTolerance = TimeSpan.FromSeconds(30);

    /// <summary>The maximum number of pods that are described.</summary>
    private const int MaxUnreadyPods = 5;

    /// <summary>Lists all workloads with the label cvapp. A kind that the cluster does not serve is skipped (R4).</summary>
    /// <param name="ns">Null for all namespaces.</param>
    /// <exception cref="CvException">A kind that is served could not be read.</exception>
    public Task<IReadOnlyList<Workload>> ListAsync(string? ns, CancellationToken cancellationToken) =>
        ListAsync(ns, ContainerVersion.SelectorKey, cancellationToken);

    /// <summary>Lists the workloads that a label selector selects. A kind that the cluster does not serve is skipped (R4).</summary>
    /// <inheritdoc cref="ListAsync(string?, CancellationToken)"/>
    public async Task<IReadOnlyList<Workload>> ListAsync(string? ns, string labelSelector, CancellationToken cancellationToken)
    {
        var lists = await Task.WhenAll(WorkloadKind.All.Select(kind => ListAsync(kind, ns, labelSelector, cancellationToken)));
        return lists.SelectMany(list => list).ToList();
    }

    /// <summary>Reads a workload by its name; null if it does not exist.</summary>
    public async Task<Workload?> FindAsync(string kind, string ns, string name, CancellationToken cancellationToken)
    {
        var found = WorkloadKind.Find(kind);
        foreach (var path in PathsOf(found, ns))
        {
            if (await cluster.FindAsync(path with { Name = name }, cancellationToken) is { } json)
                return Read(found, json, path.Version);
        }

        return null;
    }

    /// <summary>Reads a workload; null if it no longer exists.</summary>
    public async Task<Workload?> FindAsync(Workload workload, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(workload);
        return await cluster.FindAsync(PathOf(workload), cancellationToken) is { } found
            ? Read(WorkloadKind.Find(workload.Kind), found, workload.ApiVersion)
            : null;
    }

    /// <summary>Creates a workload from a manifest.</summary>
    /// <exception cref="CvException"><c>ResourceAlreadyExists</c>, <c>ResourceInvalid</c>, or the cluster was unavailable.</exception>
    public Task CreateAsync(WorkloadKind kind, string ns, JsonObject manifest, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(kind);
        ArgumentNullException.ThrowIfNull(manifest);
        // Use the manifest's API version, for which its fields were written.
        var version = manifest.Text("apiVersion")?.Split('/')[^1] ?? kind.Versions[0];
        return cluster.CreateAsync(new ResourcePath(kind.Group, version, kind.Plural, ns), manifest, cancellationToken);
    }

    /// <summary>R3: changes one image by compare-and-swap.</summary>
    /// <param name="replicas">
    /// The new spec.replicas in the same patch, because a Deployment that is scaled up later has no progress deadline for the change. Null
    /// to keep it.
    /// </param>
    /// <returns>
    /// The outcome, and the workload in the response (an admission webhook may have changed the image); null without one.
    /// </returns>
    public async Task<(ImagePatchOutcome Outcome, Workload? Now)> SwapImageAsync(
        Workload workload,
        WorkloadContainer container,
        string to,
        CancellationToken cancellationToken,
        int? replicas = null
    )
    {
        ArgumentNullException.ThrowIfNull(workload);
        ArgumentNullException.ThrowIfNull(container);
        var kind = WorkloadKind.Find(workload.Kind);
        (var outcome, var now) = await cluster.SwapImageAsync(
            PathOf(workload),
            kind.ContainersPath(container.IsInit),
            container.Index,
            container.Name,
            container.Image,
            to,
            cancellationToken,
            replicas
        );
        return (outcome, now is null ? null : Read(kind, now, workload.ApiVersion));
    }

    /// <summary>R3: changes the number of replicas by compare-and-swap.</summary>
    /// <returns>False if another client changed it, or the workload no longer exists.</returns>
    public async Task<bool> ScaleAsync(Workload workload, int to, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(workload);
        string[] replicas = ["spec", "replicas"];
        var patch = new JsonPatch().Test(replicas, workload.DesiredPods).Replace(replicas, to);
        if (await cluster.TryPatchAsync(PathOf(workload), patch, cancellationToken) is { } now)
        {
            Read(WorkloadKind.Find(workload.Kind), now, workload.ApiVersion);
            return true;
        }

        await FindAsync(workload, cancellationToken);
        return false;
    }

    /// <summary>Collects evidence from the pods of the workload's current image, and from its controller if pods are missing.</summary>
    /// <param name="workload">The workload as last read.</param>
    /// <param name="container">The container of its template, with the image.</param>
    /// <param name="digest">The digest of the image; null if unknown.</param>
    /// <param name="baseline">The state before the image was changed.</param>
    /// <param name="since">The start of the rollout: earlier events are ignored.</param>
    /// <param name="now">The time.</param>
    /// <param name="hasFailed">Whether its time is up: then a pod that is not ready is a trouble, too.</param>
    /// <param name="cancellationToken">Stops between two requests.</param>
    internal async Task<Evidence> FindEvidenceAsync(
        Workload workload,
        WorkloadContainer container,
        string? digest,
        WorkloadBaseline? baseline,
        DateTimeOffset since,
        DateTimeOffset now,
        bool hasFailed,
        CancellationToken cancellationToken
    )
    {
        ArgumentNullException.ThrowIfNull(workload);
        ArgumentNullException.ThrowIfNull(container);
        var kind = WorkloadKind.Find(workload.Kind);
        if (kind is PodKind)
        {
            var pod = await cluster.GetAsync(PathOf(workload), cancellationToken);
            var restarts = baseline?.Restarts ?? 0;
            var blocked = PodEvidence.FindBlockage(pod, now);
            var failing = PodEvidence.FindTrouble(pod, restarts);
            return new Evidence(
                failing is null && blocked is null && hasFailed ? PodEvidence.FindUnready(pod, now, restarts) : failing,
                blocked
            );
        }

        if (!kind.HasPods || workload.PodSelector.Length == 0)
            return Evidence.None;
        var pods = await ListPodsAsync(workload, cancellationToken);
        List<JsonObject> present = [.. pods.Where(pod => pod.At("metadata", "deletionTimestamp") is null)];
        // Find out the revision only of unhealthy pods.
        List<JsonObject> unwell =
        [
            .. present.Where(pod =>
                PodEvidence.FindTrouble(pod) is not null
                || PodEvidence.FindBlockage(pod, now) is not null
                || PodEvidence.IsBeingSetUp(pod, now)
            ),
        ];
        Func<JsonObject, bool> isOfVersion = _ => false;
        if (unwell.Count > 0 || (hasFailed && !present.TrueForAll(PodEvidence.IsReady)))
        {
            isOfVersion = await OfVersionAsync(workload, kind, container, digest, cancellationToken);
            unwell = [.. unwell.Where(isOfVersion).Take(MaxPods)];
            // Trouble with the version takes precedence over anything that blocks other pods.
            if (unwell.Select(pod => PodEvidence.FindTrouble(pod)).FirstOrDefault(trouble => trouble is not null) is { } trouble)
                return new Evidence(trouble, null);
            if (unwell.Select(pod => PodEvidence.FindBlockage(pod, now)).FirstOrDefault(blockage => blockage is not null) is { } blockage)
                return new Evidence(null, blockage);
            if (
                unwell.Find(pod => PodEvidence.IsBeingSetUp(pod, now)) is { } waiting
                && await FindEventAsync(workload.Namespace, waiting.Text("metadata", "uid")!, SetUpFailures, since, cancellationToken)
                    is { } why
            )
                return new Evidence(
                    null,
                    new Blockage(
                        ConditionReasons.PodsNotStarted,
                        $"pod {waiting.Text("metadata", "name")} has not started: {PodEvidence.Shown(why)}"
                    )
                );
        }

        if (
            pods.Where(pod => PodEvidence.IsOwnedBy(pod, workload.Uid))
                .Select(pod => PodEvidence.FindStuckDeletion(pod, now))
                .FirstOrDefault(stuck => stuck is not null) is
            { } stays
        )
            return new Evidence(null, stays);
        // StatefulSets and DaemonSets report this only as events.
        return
            kind is StatefulSetKind or DaemonSetKind
            && present.Count(pod => PodEvidence.IsOwnedBy(pod, workload.Uid)) < workload.DesiredPods
            && await FindEventAsync(workload.Namespace, workload.Uid, ["FailedCreate"], since, cancellationToken) is { } refused
            ? new Evidence(null, new Blockage(ConditionReasons.PodsNotCreated, $"pods cannot be created: {PodEvidence.Shown(refused)}"))
            : new Evidence(
                hasFailed && present.Find(pod => !PodEvidence.IsReady(pod) && isOfVersion(pod)) is { } unready
                    ? PodEvidence.FindUnready(unready, now)
                    : null,
                null
            );
    }

    /// <summary>The pods of the workload's current image that are not ready, and why; at most 5, newest first.</summary>
    /// <inheritdoc cref="FindEvidenceAsync"/>
    internal async Task<IReadOnlyList<UnreadyPod>> FindUnreadyPodsAsync(
        Workload workload,
        WorkloadContainer container,
        string? digest,
        WorkloadBaseline? baseline,
        DateTimeOffset now,
        CancellationToken cancellationToken
    )
    {
        var kind = WorkloadKind.Find(workload.Kind);
        if (kind is PodKind)
        {
            return
                await cluster.FindAsync(PathOf(workload), cancellationToken) is { } pod
                && PodEvidence.DescribeUnready(pod, now, baseline?.Restarts ?? 0) is { } described
                ? [described]
                : [];
        }

        if (!kind.HasPods || workload.PodSelector.Length == 0)
            return [];
        var unready = (await ListPodsAsync(workload, cancellationToken))
            .Where(pod => pod.At("metadata", "deletionTimestamp") is null)
            .Select(pod => (Pod: pod, Description: PodEvidence.DescribeUnready(pod, now)))
            .Where(pod => pod.Description is not null)
            .ToList();
        if (unready.Count == 0)
            return [];
        var isOfVersion = await OfVersionAsync(workload, kind, container, digest, cancellationToken);
        return [.. unready.Where(pod => isOfVersion(pod.Pod)).Select(pod => pod.Description!).Take(MaxUnreadyPods)];
    }

    /// <summary>The pods of a workload that have not terminated, newest first.</summary>
    private async Task<List<JsonObject>> ListPodsAsync(Workload workload, CancellationToken cancellationToken) =>
        [
            .. (
                await cluster.ListAsync(
                    new ResourcePath("", "v1", "pods", workload.Namespace),
                    workload.PodSelector,
                    null,
                    cancellationToken
                )
            )
                .Where(pod => pod.Text("status", "phase") is not ("Succeeded" or "Failed"))
                .OrderByDescending(pod => pod.Text("metadata", "creationTimestamp"), StringComparer.Ordinal),
        ];

    /// <summary>Whether an exceeded deadline belongs to the current image, according to the ReplicaSet in its message.</summary>
    internal async Task<bool> IsOfVersionAsync(
        DeadlineExceeded exceeded,
        Workload workload,
        WorkloadContainer container,
        CancellationToken cancellationToken
    )
    {
        ArgumentNullException.ThrowIfNull(exceeded);
        return !exceeded.Message.Contains("ReplicaSet", StringComparison.Ordinal)
            || (await NewReplicaSetAsync(workload, container, cancellationToken))?.Text("metadata", "name") is not { } name
            || exceeded.Message.Contains($"\"{name}\"", StringComparison.Ordinal);
    }

    /// <summary>The last lines of a container's log.</summary>
    internal Task<string> ReadLogAsync(string ns, PodContainer container, int lines, CancellationToken cancellationToken) =>
        cluster.ReadPodLogAsync(ns, container.Pod, lines, cancellationToken, container.Name);

    /// <summary>
    /// What the kubelet last reported about a container in trouble: a failed probe, or what a container that has not started waits for. Null
    /// for nothing.
    /// </summary>
    internal async Task<string?> FindReportAsync(
        string ns,
        Trouble trouble,
        PodContainer container,
        DateTimeOffset since,
        CancellationToken cancellationToken
    )
    {
        var reports = (
            await FindEventsAsync(ns, container.PodUid, container.HasStarted ? ProbeReports : StartReports, since, cancellationToken)
        ).Where(e => IsAbout(e, container.Name));
        // A liveness or startup probe says why the kubelet restarts a container, which is not ready meanwhile.
        var report = reports.LastOrDefault(e => !IsReadiness(e)) ?? (trouble.Kind == TroubleKind.Crash ? null : reports.LastOrDefault());
        return report is null ? null : PodEvidence.Shown(report.Text("message"));
    }

    /// <summary>Whether an event is about a container (spec.containers{name}), or about the whole pod.</summary>
    private static bool IsAbout(JsonObject e, string container) =>
        e.Text("involvedObject", "fieldPath") is not { Length: > 0 } path || path.EndsWith($"{{{container}}}", StringComparison.Ordinal);

    private static bool IsReadiness(JsonObject e) => e.Text("message")?.StartsWith("Readiness", StringComparison.Ordinal) == true;

    /// <summary>Identifies a workload's pods of the current image by owner and revision, because webhooks may rewrite pod images.</summary>
    private async Task<Func<JsonObject, bool>> OfVersionAsync(
        Workload workload,
        WorkloadKind kind,
        WorkloadContainer container,
        string? digest,
        CancellationToken cancellationToken
    )
    {
        if (kind is DeploymentKind)
        {
            var set = (await NewReplicaSetAsync(workload, container, cancellationToken))?.Text("metadata", "uid");
            return pod => set is not null && PodEvidence.IsOwnedBy(pod, set);
        }

        return pod =>
            PodEvidence.IsOwnedBy(pod, workload.Uid)
            && (
                workload.Revision is { } revision
                    ? pod.Text("metadata", "labels", revision.Label) == revision.Value
                    : PodEvidence.HasImage(pod, container, container.Image, digest)
            );
    }

    /// <summary>The ReplicaSet of a Deployment's current template; null if it does not exist yet.</summary>
    private async Task<JsonObject?> NewReplicaSetAsync(Workload workload, WorkloadContainer container, CancellationToken cancellationToken)
    {
        var list = container.IsInit ? "initContainers" : "containers";
        return (
            await cluster.ListAsync(
                new ResourcePath("apps", "v1", "replicasets", workload.Namespace),
                workload.PodSelector,
                null,
                cancellationToken
            )
        )
            .Where(set =>
                PodEvidence.IsOwnedBy(set, workload.Uid)
                && set.Items("spec", "template", "spec", list)
                    .Any(c => c.Text("name") == container.Name && c.Text("image") == container.Image)
            )
            .MaxBy(set =>
                long.TryParse(set.Text("metadata", "annotations", "deployment.kubernetes.io/revision"), out var revision) ? revision : 0
            );
    }

    /// <summary>The message of the last event about an object with one of the reasons; null if there is none.</summary>
    private async Task<string?> FindEventAsync(
        string ns,
        string uid,
        IReadOnlyCollection<string> reasons,
        DateTimeOffset since,
        CancellationToken cancellationToken
    ) => await FindEventsAsync(ns, uid, reasons, since, cancellationToken) is [.., var last] ? last.Text("message") : null;

    /// <summary>The events about an object with one of the reasons, oldest first; none if events may not be read.</summary>
    private async Task<IReadOnlyList<JsonObject>> FindEventsAsync(
        string ns,
        string uid,
        IReadOnlyCollection<string> reasons,
        DateTimeOffset since,
        CancellationToken cancellationToken
    )
    {
        try
        {
            var events = await cluster.ListAsync(
                new ResourcePath("", "v1", "events", ns),
                null,
                $"involvedObject.uid={uid}",
                cancellationToken
            );
            return [.. events.Where(e => reasons.Contains(e.Text("reason") ?? "") && TimeOf(e) >= since - ClockTolerance).OrderBy(TimeOf)];
        }
        catch (CvException e) when (e.Kind == CvErrorKind.Forbidden)
        {
            return [];
        }

        static DateTimeOffset TimeOf(JsonObject e) =>
            DateTimeOffset.TryParse(
                e.Text("lastTimestamp") ?? e.Text("eventTime") ?? e.Text("firstTimestamp") ?? e.Text("metadata", "creationTimestamp"),
                System.Globalization.CultureInfo.InvariantCulture,
                System.Globalization.DateTimeStyles.AssumeUniversal,
                out var at
            )
                ? at
                : default;
    }

    private async Task<IReadOnlyList<Workload>> ListAsync(
        WorkloadKind kind,
        string? ns,
        string labelSelector,
        CancellationToken cancellationToken
    )
    {
        foreach (var path in PathsOf(kind, ns))
        {
            try
            {
                return (await cluster.ListAsync(path, labelSelector, null, item => kind.Read(item, path.Version), cancellationToken)).Items;
            }
            catch (CvException e) when (e.Kind == CvErrorKind.NotFound)
            {
                // Not served in this version; try the next one.
            }
        }

        return [];
    }

    /// <summary>A kind's collection in each supported API version, in order of preference.</summary>
    /// <param name="ns">Null for all namespaces.</param>
    internal static IReadOnlyList<ResourcePath> PathsOf(WorkloadKind kind, string? ns) =>
        [.. kind.Versions.Select(version => new ResourcePath(kind.Group, version, kind.Plural, ns))];

    private static ResourcePath PathOf(Workload workload)
    {
        var kind = WorkloadKind.Find(workload.Kind);
        return new ResourcePath(kind.Group, workload.ApiVersion, kind.Plural, workload.Namespace, workload.Name);
    }

    private Workload Read(WorkloadKind kind, JsonObject json, string version)
    {
        var workload = kind.Read(json, version);
        seen?.Invoke(workload);
        return workload;
    }
}
