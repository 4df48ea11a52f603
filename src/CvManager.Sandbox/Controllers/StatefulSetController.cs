using System.Globalization;
using System.Text.Json.Nodes;
using CvManager.Sandbox.Api;
using CvManager.Sandbox.Kinds;
using CvManager.Sandbox.Storage;

namespace CvManager.Sandbox.Controllers;

/// <summary>
/// Keeps the numbered pods of StatefulSets: made from the lowest number up, replaced and taken away from the highest down, one at a
/// time unless the pod management is Parallel.
/// </summary>
internal sealed class StatefulSetController : PodOwnerController
{
    public const string RevisionLabel = "controller-revision-hash";

    private const string Component = "statefulset-controller";
    private const string NameLabel = "statefulset.kubernetes.io/pod-name";

    private readonly RevisionHistory history;

    public StatefulSetController(PodControl pods)
        : base(pods, BuiltInKinds.StatefulSets) => history = new RevisionHistory(pods, BuiltInKinds.StatefulSets, "controller.kubernetes.io/hash");

    protected override void Reconcile(string key)
    {
        if (Find(Type, key) is not StoredObject set || LabelSelector.FromObject(set.Body.Obj("spec", "selector")) is not { } selector)
            return;
        if (set.Body.IsDeleting())
            return;
        var update = history.Sync(set);
        var current = history.Of(set).FirstOrDefault(revision => revision.Name == set.Body.Str("status", "currentRevision")) ?? update;
        var round = new Round(set, current, update, [.. Pods.Claim(Type, set, selector, pod => Ordinal(set, pod) is not null)]);
        Advance(round);
        var after = Pods.Owners.Controlled(BuiltInKinds.Pods, set.Uid).ToList();
        WriteStatus(round, after);
        history.Truncate(set, after.Select(Revision).Append(current.Name).Append(update.Name).ToHashSet(StringComparer.Ordinal));
        SetAlarm(key, PodControl.NextAvailable(after, round.MinReady, Now));
    }

    /// <summary>Takes the next step: one only, where the pods are managed in order.</summary>
    private void Advance(Round round)
    {
        var byOrdinal = round.Pods.Where(pod => Ordinal(round.Set, pod) is not null).ToDictionary(pod => Ordinal(round.Set, pod)!.Value);
        for (long ordinal = round.First; ordinal < round.First + round.Replicas; ordinal++)
        {
            var pod = byOrdinal.GetValueOrDefault(ordinal);
            if (pod is not null && PodControl.IsFinished(pod))
            {
                if (!pod.Body.IsDeleting())
                {
                    Pods.Events.Warning(Type, round.Set, Component, "RecreatingFailedPod", $"StatefulSet {round.Set.Key} is recreating failed Pod {pod.Name}");
                    Delete(round, pod);
                }
                if (round.InOrder)
                    return;
                continue;
            }
            if (pod is null)
            {
                Create(round, ordinal);
                if (round.InOrder)
                    return;
                continue;
            }
            if (round.InOrder && !round.IsHealthy(pod, Now))
                return;
        }
        if (!ScaleDown(round, byOrdinal))
            return;
        if (round.Set.Body.Str("spec", "updateStrategy", "type") == "RollingUpdate")
            Replace(round, byOrdinal);
    }

    /// <returns>False where the update has to wait for it.</returns>
    private bool ScaleDown(Round round, Dictionary<long, StoredObject> byOrdinal)
    {
        var condemned = byOrdinal.Where(pair => pair.Key < round.First || pair.Key >= round.First + round.Replicas)
            .OrderByDescending(pair => pair.Key).Select(pair => pair.Value).ToList();
        var firstUnhealthy = byOrdinal.OrderBy(pair => pair.Key).Select(pair => pair.Value).FirstOrDefault(pod => !IsRunning(pod));
        foreach (var pod in condemned)
        {
            if (pod.Body.IsDeleting())
            {
                if (round.InOrder)
                    return false;
                continue;
            }
            if (round.InOrder && !IsRunning(pod) && pod.Uid != firstUnhealthy?.Uid)
                return false;
            Delete(round, pod);
            if (round.InOrder)
                return false;
        }
        return true;
    }

    /// <summary>The highest pod that has an old revision makes way for a new one, once all above it are well.</summary>
    private void Replace(Round round, Dictionary<long, StoredObject> byOrdinal)
    {
        for (long ordinal = round.First + round.Replicas - 1; ordinal >= Math.Max(round.First, round.Partition); ordinal--)
        {
            if (!byOrdinal.TryGetValue(ordinal, out var pod))
                return;
            if (Revision(pod) != round.Update.Name && !pod.Body.IsDeleting())
            {
                Delete(round, pod);
                return;
            }
            if (!round.IsHealthy(pod, Now))
                return;
        }
    }

    private void Create(Round round, long ordinal)
    {
        var set = round.Set;
        bool keepsOld = set.Body.Str("spec", "updateStrategy", "type") == "RollingUpdate" && ordinal < round.Partition;
        var revision = keepsOld ? round.Current : round.Update;
        string name = $"{set.Name}-{ordinal.ToString(CultureInfo.InvariantCulture)}";
        CreateClaims(set, name);
        Pods.Create(Type, set, RevisionHistory.Template(revision), Component, pod =>
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
        }, $"create Pod {name} in StatefulSet {set.Name} successful");
    }

    private void Delete(Round round, StoredObject pod) =>
        Pods.Delete(Type, round.Set, pod, Component, $"delete Pod {pod.Name} in StatefulSet {round.Set.Name} successful");

    /// <summary>A claim for each template; they outlive the pod, and the set.</summary>
    private void CreateClaims(StoredObject set, string podName)
    {
        var claims = Cluster.Catalog.Find("", "v1", "persistentvolumeclaims")!.Value.Type;
        foreach (var template in set.Body.Items("spec", "volumeClaimTemplates"))
        {
            string name = $"{template.Name()}-{podName}";
            if (Cluster.Store.Table(claims).Find(set.Namespace, name) is not null)
                continue;
            var meta = new JsonObject { ["name"] = name };
            if (set.Body.Obj("spec", "selector", "matchLabels") is JsonObject labels)
                meta["labels"] = labels.DeepClone();
            Cluster.Create(claims, set.Namespace, new JsonObject
            {
                ["kind"] = claims.Kind,
                ["apiVersion"] = claims.Storage.ApiVersion,
                ["metadata"] = meta,
                ["spec"] = template.Obj("spec")?.DeepClone(),
            });
        }
    }

    private static void MountClaims(StoredObject set, string podName, JsonObject spec)
    {
        foreach (string template in set.Body.Items("spec", "volumeClaimTemplates").Select(template => template.Name()))
        {
            var volumes = spec["volumes"] as JsonArray ?? [];
            foreach (var former in volumes.OfType<JsonObject>().Where(volume => volume.Str("name") == template).ToList())
                volumes.Remove(former);
            volumes.Add((JsonNode)new JsonObject
            {
                ["name"] = template,
                ["persistentVolumeClaim"] = new JsonObject { ["claimName"] = $"{template}-{podName}" },
            });
            if (volumes.Parent is null)
                spec["volumes"] = volumes;
        }
    }

    private void WriteStatus(Round round, List<StoredObject> pods)
    {
        var set = round.Set;
        var present = pods.Where(pod => !PodControl.IsFinished(pod)).ToList();
        var staying = present.Where(pod => !pod.Body.IsDeleting()).ToList();
        int ready = present.Count(IsRunning);
        int updated = staying.Count(pod => Revision(pod) == round.Update.Name);
        int current = staying.Count(pod => Revision(pod) == round.Current.Name);
        var currentRevision = round.Current;
        bool rolling = set.Body.Str("spec", "updateStrategy", "type") == "RollingUpdate";
        if (rolling && updated == present.Count && ready == round.Replicas && present.Count == round.Replicas)
        {
            currentRevision = round.Update;
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
        status["updateRevision"] = round.Update.Name;
        status["collisionCount"] = 0L;
        status["availableReplicas"] = (long)present.Count(pod => IsRunning(pod) && PodControl.IsAvailable(pod, round.MinReady, Now));
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

    /// <summary>The number in a pod's name; null where the name is not one of this set.</summary>
    private static long? Ordinal(StoredObject set, StoredObject pod) =>
        pod.Name.StartsWith(set.Name + "-", StringComparison.Ordinal)
        && long.TryParse(pod.Name.AsSpan(set.Name.Length + 1), NumberStyles.None, CultureInfo.InvariantCulture, out long ordinal)
            ? ordinal
            : null;

    /// <summary>What one look at a set is about.</summary>
    private sealed record Round(StoredObject Set, StoredObject Current, StoredObject Update, IReadOnlyList<StoredObject> Pods)
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
