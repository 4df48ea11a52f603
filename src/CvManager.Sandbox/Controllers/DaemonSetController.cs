using System.Text.Json.Nodes;
using CvManager.Sandbox.Json;
using CvManager.Sandbox.Kinds;
using CvManager.Sandbox.Selectors;
using CvManager.Sandbox.Storage;

namespace CvManager.Sandbox.Controllers;

/// <summary>Runs one pod of each DaemonSet on every node that its template allows.</summary>
internal sealed class DaemonSetController : PodOwnerController
{
    private const string Component = "daemonset-controller";
    private const string HashLabel = StatefulSetController.RevisionLabel;

    private readonly RevisionHistory _history;

    public DaemonSetController(PodControl pods)
        : base(pods, BuiltInKinds.DaemonSets) => _history = new RevisionHistory(pods, BuiltInKinds.DaemonSets, HashLabel);

    protected override void OnChange(StoreChange change)
    {
        base.OnChange(change);
        if (!ReferenceEquals(change.Table.Type, BuiltInKinds.Nodes) || (change.Kind == ChangeKind.Modified && SameLabels(change)))
            return;
        foreach (var set in Cluster.Store.Table(Type).List(""))
            Enqueue(set.Key);
    }

    protected override void Reconcile(string key)
    {
        if (
            Find(Type, key) is not StoredObject set
            || LabelSelector.FromObject(set.Body.Obj("spec", "selector")) is not { IsEverything: false } selector
        )
            return;
        if (set.Body.IsDeleting())
            return;
        var revision = _history.Sync(set);
        var snapshot = TakeSnapshot(set, _history.Hash(revision), Pods.Claim(Type, set, selector));
        ManagePods(snapshot);
        if (set.Body.Str("spec", "updateStrategy", "type") == "RollingUpdate")
            RollingUpdate(snapshot);
        var after = TakeSnapshot(set, snapshot.Hash, Pods.Owners.Controlled(BuiltInKinds.Pods, set.Uid));
        WriteStatus(after);
        _history.Truncate(
            set,
            after.Pods.Values.SelectMany(list => list).Select(Hash).Append(snapshot.Hash).ToHashSet(StringComparer.Ordinal)
        );
        RequeueAt(key, PodControl.NextAvailable(after.Pods.Values.SelectMany(list => list), snapshot.MinReady, Now));
    }

    private Snapshot TakeSnapshot(StoredObject set, string hash, IEnumerable<StoredObject> pods)
    {
        var byNode = new Dictionary<string, List<StoredObject>>(StringComparer.Ordinal);
        foreach (var pod in pods)
        {
            var node = NodeOf(pod);
            if (!byNode.TryGetValue(node, out var list))
                byNode[node] = list = [];
            list.Add(pod);
        }
        var spec = set.Body.Obj("spec", "template", "spec")!;
        var desired = Cluster
            .Store.Table(BuiltInKinds.Nodes)
            .List("")
            .Where(node => Scheduler.Fits(spec, node))
            .Select(node => node.Name)
            .ToList();
        return new Snapshot(set, hash, byNode, desired);
    }

    /// <summary>Creates missing pods, and deletes finished, duplicate and misplaced ones.</summary>
    private void ManagePods(Snapshot snapshot)
    {
        foreach (var node in snapshot.DesiredNodes)
        {
            var present = snapshot.On(node);
            foreach (var ended in present.Where(pod => PodControl.IsFinished(pod) && !pod.Body.IsDeleting()))
            {
                Pods.Events.Warning(
                    Type,
                    snapshot.Set,
                    Component,
                    "FailedDaemonPod",
                    $"Found failed daemon pod {ended.Key} on node {node}, will try to kill it"
                );
                Pods.Delete(Type, snapshot.Set, ended, Component);
            }
            var active = present.Where(PodControl.IsActive).ToList();
            if (present.Count == 0)
                Create(snapshot, node);
            else if (active.Count > 1 && snapshot.MaxSurge == 0)
                active
                    .OrderBy(pod => pod.Body.Str("metadata", "creationTimestamp"), StringComparer.Ordinal)
                    .Skip(1)
                    .ToList()
                    .ForEach(pod => Pods.Delete(Type, snapshot.Set, pod, Component));
        }
        foreach (var (node, list) in snapshot.Pods)
        {
            if (snapshot.DesiredNodes.Contains(node))
                continue;
            foreach (var stray in list.Where(pod => !pod.Body.IsDeleting()))
                Pods.Delete(Type, snapshot.Set, stray, Component);
        }
    }

    /// <summary>Replaces unavailable old pods at once, available ones within the limits of maxUnavailable or maxSurge.</summary>
    private void RollingUpdate(Snapshot snapshot)
    {
        var availablePods = new List<StoredObject>();
        var unavailablePods = new List<StoredObject>();
        long unavailable = 0;
        long surged = 0;
        foreach (var node in snapshot.DesiredNodes)
        {
            var present = snapshot.On(node).Where(PodControl.IsActive).ToList();
            var updated = present.Find(pod => Hash(pod) == snapshot.Hash);
            var old = present.Find(pod => Hash(pod) != snapshot.Hash);
            var updatedAvailable = updated is not null && PodControl.IsAvailable(updated, snapshot.MinReady, Now);
            var oldAvailable = old is not null && PodControl.IsAvailable(old, snapshot.MinReady, Now);
            if (!updatedAvailable && !oldAvailable)
                unavailable++;
            if (old is null)
                continue;
            if (snapshot.MaxSurge > 0 && updated is not null)
            {
                surged++;
                if (updatedAvailable)
                    Pods.Delete(Type, snapshot.Set, old, Component);
            }
            else
            {
                (oldAvailable ? availablePods : unavailablePods).Add(old);
            }
        }
        if (snapshot.MaxSurge > 0)
        {
            foreach (
                var old in unavailablePods.Concat(availablePods.Take((int)Math.Max(0, snapshot.MaxSurge - surged - unavailablePods.Count)))
            )
                Create(snapshot, NodeOf(old));
            return;
        }
        foreach (var old in unavailablePods.Concat(availablePods.Take((int)Math.Max(0, snapshot.MaxUnavailable - unavailable))))
            Pods.Delete(Type, snapshot.Set, old, Component);
    }

    private void Create(Snapshot snapshot, string node) =>
        Pods.Create(
            Type,
            snapshot.Set,
            snapshot.Set.Body.Obj("spec", "template")!,
            Component,
            pod =>
            {
                pod.Meta().Ensure("labels")[HashLabel] = snapshot.Hash;
                var spec = pod.Ensure("spec");
                BindTo(spec, node);
                var tolerations = spec["tolerations"] as JsonArray ?? [];
                foreach (
                    var (key, effect) in ((string, string)[])
                        [
                            ("node.kubernetes.io/not-ready", "NoExecute"),
                            ("node.kubernetes.io/unreachable", "NoExecute"),
                            ("node.kubernetes.io/disk-pressure", "NoSchedule"),
                            ("node.kubernetes.io/memory-pressure", "NoSchedule"),
                            ("node.kubernetes.io/pid-pressure", "NoSchedule"),
                            (Scheduler.Unschedulable, "NoSchedule"),
                        ]
                )
                {
                    tolerations.Add(
                        (JsonNode)
                            new JsonObject
                            {
                                ["key"] = key,
                                ["operator"] = "Exists",
                                ["effect"] = effect,
                            }
                    );
                }
                if (tolerations.Parent is null)
                    spec["tolerations"] = tolerations;
            }
        );

    /// <summary>Adds a required affinity for the node to the constraints of the template.</summary>
    private static void BindTo(JsonObject spec, string node)
    {
        JsonArray Fields() =>
            [
                new JsonObject
                {
                    ["key"] = "metadata.name",
                    ["operator"] = "In",
                    ["values"] = new JsonArray(node),
                },
            ];
        var required = spec.Ensure("affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution");
        var terms = required.Items("nodeSelectorTerms").ToList();
        foreach (var term in terms)
            term["matchFields"] = Fields();
        if (terms.Count == 0)
            required["nodeSelectorTerms"] = new JsonArray(new JsonObject { ["matchFields"] = Fields() });
    }

    private void WriteStatus(Snapshot snapshot)
    {
        var set = snapshot.Set;
        var first = snapshot
            .DesiredNodes.Select(node =>
                snapshot
                    .On(node)
                    .Where(pod => !pod.Body.IsDeleting())
                    .OrderBy(pod => Hash(pod) != snapshot.Hash)
                    .ThenBy(PodControl.IsReady)
                    .FirstOrDefault()
            )
            .ToList();
        long scheduled = snapshot.DesiredNodes.Count(node => snapshot.On(node).Count > 0);
        long ready = first.OfType<StoredObject>().Count(PodControl.IsReady);
        long available = first.OfType<StoredObject>().Count(pod => PodControl.IsAvailable(pod, snapshot.MinReady, Now));
        var status = new JsonObject
        {
            ["currentNumberScheduled"] = scheduled,
            ["numberMisscheduled"] = snapshot.Pods.Keys.LongCount(node => !snapshot.DesiredNodes.Contains(node)),
            ["desiredNumberScheduled"] = (long)snapshot.DesiredNodes.Count,
            ["numberReady"] = ready,
            ["observedGeneration"] = set.Body.Int("metadata", "generation") ?? 0,
        };
        Set("updatedNumberScheduled", first.OfType<StoredObject>().Count(pod => Hash(pod) == snapshot.Hash));
        Set("numberAvailable", available);
        Set("numberUnavailable", snapshot.DesiredNodes.Count - available);
        if (Find(Type, set.Key) is StoredObject latest)
            Cluster.UpdateStatus(Type, latest, status);

        void Set(string name, long count)
        {
            if (count > 0)
                status[name] = count;
        }
    }

    private static string Hash(StoredObject pod) => pod.Body.Labels().Str(HashLabel);

    /// <summary>The node that a pod is bound to, or has affinity to.</summary>
    private static string NodeOf(StoredObject pod) =>
        pod.Body.Str("spec", "nodeName") is { Length: > 0 } bound
            ? bound
            : pod.Body.Items("spec", "affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution", "nodeSelectorTerms")
                .SelectMany(term => term.Items("matchFields"))
                .Where(field => field.Str("key") == "metadata.name")
                .SelectMany(field => field.Texts("values"))
                .FirstOrDefault()
                ?? "";

    private static bool SameLabels(StoreChange change) => JsonAccess.Same(change.Previous!.Body.Labels(), change.Current.Body.Labels());

    /// <summary>A set and its pods as seen by one reconcile.</summary>
    private sealed record Snapshot(StoredObject Set, string Hash, Dictionary<string, List<StoredObject>> Pods, List<string> DesiredNodes)
    {
        public long MinReady => Set.Body.Int("spec", "minReadySeconds") ?? 0;

        public long MaxUnavailable => Resolve("maxUnavailable");

        public long MaxSurge => Resolve("maxSurge");

        public List<StoredObject> On(string node) => Pods.TryGetValue(node, out var list) ? list : [];

        private long Resolve(string field) =>
            DeploymentMath.Resolve(Set.Body.At("spec", "updateStrategy", "rollingUpdate", field), DesiredNodes.Count, roundUp: true);
    }
}
