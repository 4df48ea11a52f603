using System.Globalization;
using System.Text.Json.Nodes;
using CvManager.Sandbox.Json;
using CvManager.Sandbox.Kinds;
using CvManager.Sandbox.Selectors;
using CvManager.Sandbox.Storage;

namespace CvManager.Sandbox.Controllers;

/// <summary>
/// Manages the pods of StatefulSets: creates them from the lowest ordinal up, replaces and deletes them from the highest down, one at a
/// time unless podManagementPolicy is Parallel.
/// </summary>
internal sealed class StatefulSetController : PodOwnerController
{
    public const string RevisionLabel = "controller-revision-hash";

    private const string Component = "statefulset-controller";
    private const string NameLabel = "statefulset.kubernetes.io/pod-name";

    private readonly RevisionHistory _history;

    public StatefulSetController(PodControl pods)
        : base(pods, BuiltInKinds.StatefulSets) =>
        _history = new RevisionHistory(pods, BuiltInKinds.StatefulSets, "controller.kubernetes.io/hash");

    protected override void Reconcile(string key)
    {
        if (Find(Type, key) is not StoredObject set || LabelSelector.FromObject(set.Body.Obj("spec", "selector")) is not { } selector)
            return;
        if (set.Body.IsDeleting())
            return;
        var update = _history.Sync(set);
        var current = _history.All(set).FirstOrDefault(revision => revision.Name == set.Body.Str("status", "currentRevision")) ?? update;
        var snapshot = new Snapshot(set, current, update, [.. Pods.Claim(Type, set, selector, pod => Ordinal(set, pod) is not null)]);
        ManagePods(snapshot);
        var after = Pods.Owners.Controlled(BuiltInKinds.Pods, set.Uid).ToList();
        WriteStatus(snapshot, after);
        _history.Truncate(set, after.Select(Revision).Append(current.Name).Append(update.Name).ToHashSet(StringComparer.Ordinal));
        RequeueAt(key, PodControl.NextAvailable(after, snapshot.MinReady, Now));
    }

    /// <summary>Creates and deletes pods: one at a time if podManagementPolicy is OrderedReady.</summary>
    private void ManagePods(Snapshot snapshot)
    {
        var byOrdinal = snapshot
            .Pods.Where(pod => Ordinal(snapshot.Set, pod) is not null)
            .ToDictionary(pod => Ordinal(snapshot.Set, pod)!.Value);
        for (var ordinal = snapshot.First; ordinal < snapshot.First + snapshot.Replicas; ordinal++)
        {
            var pod = byOrdinal.GetValueOrDefault(ordinal);
            if (pod is not null && PodControl.IsFinished(pod))
            {
                if (!pod.Body.IsDeleting())
                {
                    Pods.Events.Warning(
                        Type,
                        snapshot.Set,
                        Component,
                        "RecreatingFailedPod",
                        $"StatefulSet {snapshot.Set.Key} is recreating failed Pod {pod.Name}"
                    );
                    Delete(snapshot, pod);
                }
                if (snapshot.InOrder)
                    return;
                continue;
            }
            if (pod is null)
            {
                Create(snapshot, ordinal);
                if (snapshot.InOrder)
                    return;
                continue;
            }
            if (snapshot.InOrder && !snapshot.IsHealthy(pod, Now))
                return;
        }
        if (!ScaleDown(snapshot, byOrdinal))
            return;
        if (snapshot.Set.Body.Str("spec", "updateStrategy", "type") == "RollingUpdate")
            RollingUpdate(snapshot, byOrdinal);
    }

    /// <returns>False if the rolling update has to wait.</returns>
    private bool ScaleDown(Snapshot snapshot, Dictionary<long, StoredObject> byOrdinal)
    {
        var condemned = byOrdinal
            .Where(pair => pair.Key < snapshot.First || pair.Key >= snapshot.First + snapshot.Replicas)
            .OrderByDescending(pair => pair.Key)
            .Select(pair => pair.Value)
            .ToList();
        var firstUnhealthy = byOrdinal.OrderBy(pair => pair.Key).Select(pair => pair.Value).FirstOrDefault(pod => !IsRunning(pod));
        foreach (var pod in condemned)
        {
            if (pod.Body.IsDeleting())
            {
                if (snapshot.InOrder)
                    return false;
                continue;
            }
            if (snapshot.InOrder && !IsRunning(pod) && pod.Uid != firstUnhealthy?.Uid)
                return false;
            Delete(snapshot, pod);
            if (snapshot.InOrder)
                return false;
        }
        return true;
    }

    /// <summary>Deletes the pod with the highest ordinal that has an old revision, once all pods above it are healthy.</summary>
    private void RollingUpdate(Snapshot snapshot, Dictionary<long, StoredObject> byOrdinal)
    {
        for (var ordinal = snapshot.First + snapshot.Replicas - 1; ordinal >= Math.Max(snapshot.First, snapshot.Partition); ordinal--)
        {
            if (!byOrdinal.TryGetValue(ordinal, out var pod))
                return;
            if (Revision(pod) != snapshot.Update.Name && !pod.Body.IsDeleting())
            {
                Delete(snapshot, pod);
                return;
            }
            if (!snapshot.IsHealthy(pod, Now))
                return;
        }
    }

    private void Create(Snapshot snapshot, long ordinal)
    {
        var set = snapshot.Set;
        var keepsOld = set.Body.Str("spec", "updateStrategy", "type") == "RollingUpdate" && ordinal < snapshot.Partition;
        var revision = keepsOld ? snapshot.Current : snapshot.Update;
        var name = $"{set.Name}-{ordinal.ToString(CultureInfo.InvariantCulture)}";
        CreateClaims(set, name);
        Pods.Create(
            Type,
            set,
            RevisionHistory.Template(revision),
            Component,
            pod =>
            {
                var meta = pod.Meta();
                meta.Remove("generateName");
                meta["name"] = name;
                meta.Ensure("labels")[NameLabel] = name;
                meta.Ensure("labels")[RevisionLabel] = revision.Name;
                var spec = pod.Ensure("spec");
                spec["hostname"] = name;
                spec.SetOrRemove("subdomain", set.Body.Str("spec", "serviceName"));
                MountClaims(set, name, spec);
            },
            $"create Pod {name} in StatefulSet {set.Name} successful"
        );
    }

    private void Delete(Snapshot snapshot, StoredObject pod) =>
        Pods.Delete(Type, snapshot.Set, pod, Component, $"delete Pod {pod.Name} in StatefulSet {snapshot.Set.Name} successful");

    /// <summary>Creates a claim for each template. Claims outlive the pod and the set.</summary>
    private void CreateClaims(StoredObject set, string podName)
    {
        var claims = Cluster.Catalog.Find("", "v1", "persistentvolumeclaims")!.Value.Type;
        foreach (var template in set.Body.Items("spec", "volumeClaimTemplates"))
        {
            var name = $"{template.Name()}-{podName}";
            if (Cluster.Store.Table(claims).Find(set.Namespace, name) is not null)
                continue;
            var meta = new JsonObject { ["name"] = name };
            if (set.Body.Obj("spec", "selector", "matchLabels") is JsonObject labels)
                meta["labels"] = labels.DeepClone();
            Cluster.Create(
                claims,
                set.Namespace,
                new JsonObject
                {
                    ["kind"] = claims.Kind,
                    ["apiVersion"] = claims.Storage.ApiVersion,
                    ["metadata"] = meta,
                    ["spec"] = template.Obj("spec")?.DeepClone(),
                }
            );
        }
    }

    private static void MountClaims(StoredObject set, string podName, JsonObject spec)
    {
        foreach (var template in set.Body.Items("spec", "volumeClaimTemplates").Select(template => template.Name()))
        {
            var volumes = spec["volumes"] as JsonArray ?? [];
            foreach (var old in volumes.OfType<JsonObject>().Where(volume => volume.Str("name") == template).ToList())
                volumes.Remove(old);
            volumes.Add(
                (JsonNode)
                    new JsonObject
                    {
                        ["name"] = template,
                        ["persistentVolumeClaim"] = new JsonObject { ["claimName"] = $"{template}-{podName}" },
                    }
            );
            if (volumes.Parent is null)
                spec["volumes"] = volumes;
        }
    }

    private void WriteStatus(Snapshot snapshot, List<StoredObject> pods)
    {
        var set = snapshot.Set;
        var present = pods.Where(pod => !PodControl.IsFinished(pod)).ToList();
        var staying = present.Where(pod => !pod.Body.IsDeleting()).ToList();
        var ready = present.Count(IsRunning);
        var updated = staying.Count(pod => Revision(pod) == snapshot.Update.Name);
        var current = staying.Count(pod => Revision(pod) == snapshot.Current.Name);
        var currentRevision = snapshot.Current;
        var rolling = set.Body.Str("spec", "updateStrategy", "type") == "RollingUpdate";
        if (rolling && updated == present.Count && ready == snapshot.Replicas && present.Count == snapshot.Replicas)
        {
            currentRevision = snapshot.Update;
            current = updated;
        }
        var status = new JsonObject
        {
            ["observedGeneration"] = set.Body.Int("metadata", "generation") ?? 0,
            ["replicas"] = (long)present.Count,
        };
        Set("readyReplicas", ready);
        Set("currentReplicas", current);
        Set("updatedReplicas", updated);
        status["currentRevision"] = currentRevision.Name;
        status["updateRevision"] = snapshot.Update.Name;
        status["collisionCount"] = 0L;
        status["availableReplicas"] = (long)present.Count(pod => IsRunning(pod) && PodControl.IsAvailable(pod, snapshot.MinReady, Now));
        if (Find(Type, set.Key) is StoredObject latest)
            Cluster.UpdateStatus(Type, latest, status);

        void Set(string name, int count)
        {
            if (count > 0)
                status[name] = (long)count;
        }
    }

    private static bool IsRunning(StoredObject pod) => pod.Body.Str("status", "phase") == "Running" && PodControl.IsReady(pod);

    private static string Revision(StoredObject pod) => pod.Body.Labels().Str(RevisionLabel);

    /// <summary>The ordinal in a pod's name; null if the name does not belong to this set.</summary>
    private static long? Ordinal(StoredObject set, StoredObject pod) =>
        pod.Name.StartsWith(set.Name + "-", StringComparison.Ordinal)
        && long.TryParse(pod.Name.AsSpan(set.Name.Length + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var ordinal)
            ? ordinal
            : null;

    /// <summary>A set and its pods as seen by one reconcile.</summary>
    private sealed record Snapshot(StoredObject Set, StoredObject Current, StoredObject Update, IReadOnlyList<StoredObject> Pods)
    {
        public long Replicas => Set.Body.Int("spec", "replicas") ?? 1;

        public long First => Set.Body.Int("spec", "ordinals", "start") ?? 0;

        public long Partition => Set.Body.Int("spec", "updateStrategy", "rollingUpdate", "partition") ?? 0;

        public long MinReady => Set.Body.Int("spec", "minReadySeconds") ?? 0;

        public bool InOrder => Set.Body.Str("spec", "podManagementPolicy") != "Parallel";

        public bool IsHealthy(StoredObject pod, DateTimeOffset now) =>
            IsRunning(pod) && !pod.Body.IsDeleting() && PodControl.IsAvailable(pod, MinReady, now);
    }
}
