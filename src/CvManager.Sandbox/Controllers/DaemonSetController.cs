using System.Text.Json.Nodes;
using CvManager.Sandbox.Api;
using CvManager.Sandbox.Kinds;
using CvManager.Sandbox.Storage;

namespace CvManager.Sandbox.Controllers;

/// <summary>Keeps one pod of each DaemonSet on every node that its template allows.</summary>
internal sealed class DaemonSetController : PodOwnerController
{
    private const string Component = "daemonset-controller";
    private const string HashLabel = StatefulSetController.RevisionLabel;

    private readonly RevisionHistory history;

    public DaemonSetController(PodControl pods)
        : base(pods, BuiltInKinds.DaemonSets) => history = new RevisionHistory(pods, BuiltInKinds.DaemonSets, HashLabel);

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
        if (Find(Type, key) is not StoredObject set || LabelSelector.FromObject(set.Body.Obj("spec", "selector")) is not { IsEverything: false } selector)
            return;
        if (set.Body.IsDeleting())
            return;
        var revision = history.Sync(set);
        var round = Look(set, history.Hash(revision), Pods.Claim(Type, set, selector));
        Place(round);
        if (set.Body.Str("spec", "updateStrategy", "type") == "RollingUpdate")
            Replace(round);
        var after = Look(set, round.Hash, Pods.Owners.Controlled(BuiltInKinds.Pods, set.Uid));
        WriteStatus(after);
        history.Truncate(set, after.Pods.Values.SelectMany(list => list).Select(Hash).Append(round.Hash).ToHashSet(StringComparer.Ordinal));
        SetAlarm(key, PodControl.NextAvailable(after.Pods.Values.SelectMany(list => list), round.MinReady, Now));
    }

    private Round Look(StoredObject set, string hash, IEnumerable<StoredObject> pods)
    {
        var byNode = new Dictionary<string, List<StoredObject>>(StringComparer.Ordinal);
        foreach (var pod in pods)
        {
            string node = NodeOf(pod);
            if (!byNode.TryGetValue(node, out var list))
                byNode[node] = list = [];
            list.Add(pod);
        }
        var spec = set.Body.Obj("spec", "template", "spec")!;
        var wanted = Cluster.Store.Table(BuiltInKinds.Nodes).List("").Where(node => Scheduler.Fits(spec, node)).Select(node => node.Name).ToList();
        return new Round(set, hash, byNode, wanted);
    }

    /// <summary>A pod on each node, none where there shall be none, and none that has ended.</summary>
    private void Place(Round round)
    {
        foreach (string node in round.Wanted)
        {
            var there = round.On(node);
            foreach (var ended in there.Where(pod => PodControl.IsFinished(pod) && !pod.Body.IsDeleting()))
            {
                Pods.Events.Warning(Type, round.Set, Component, "FailedDaemonPod", $"Found failed daemon pod {pod(ended)} on node {node}, will try to kill it");
                Pods.Delete(Type, round.Set, ended, Component);
            }
            var living = there.Where(PodControl.IsActive).ToList();
            if (there.Count == 0)
                Create(round, node);
            else if (living.Count > 1 && round.MaxSurge == 0)
                living.OrderBy(pod => pod.Body.Str("metadata", "creationTimestamp"), StringComparer.Ordinal).Skip(1).ToList().ForEach(pod => Pods.Delete(Type, round.Set, pod, Component));
        }
        foreach (var (node, list) in round.Pods)
        {
            if (round.Wanted.Contains(node))
                continue;
            foreach (var stray in list.Where(pod => !pod.Body.IsDeleting()))
                Pods.Delete(Type, round.Set, stray, Component);
        }

        static string pod(StoredObject item) => item.Key;
    }

    /// <summary>Old pods that do not work make way at once, others as far as maxUnavailable, or maxSurge, allows.</summary>
    private void Replace(Round round)
    {
        var working = new List<StoredObject>();
        var broken = new List<StoredObject>();
        long unavailable = 0;
        long surged = 0;
        foreach (string node in round.Wanted)
        {
            var there = round.On(node).Where(PodControl.IsActive).ToList();
            var fresh = there.Find(pod => Hash(pod) == round.Hash);
            var old = there.Find(pod => Hash(pod) != round.Hash);
            bool freshWorks = fresh is not null && PodControl.IsAvailable(fresh, round.MinReady, Now);
            bool oldWorks = old is not null && PodControl.IsAvailable(old, round.MinReady, Now);
            if (!freshWorks && !oldWorks)
                unavailable++;
            if (old is null)
                continue;
            if (round.MaxSurge > 0 && fresh is not null)
            {
                surged++;
                if (freshWorks)
                    Pods.Delete(Type, round.Set, old, Component);
            }
            else
            {
                (oldWorks ? working : broken).Add(old);
            }
        }
        if (round.MaxSurge > 0)
        {
            foreach (var old in broken.Concat(working.Take((int)Math.Max(0, round.MaxSurge - surged - broken.Count))))
                Create(round, NodeOf(old));
            return;
        }
        foreach (var old in broken.Concat(working.Take((int)Math.Max(0, round.MaxUnavailable - unavailable))))
            Pods.Delete(Type, round.Set, old, Component);
    }

    private void Create(Round round, string node) => Pods.Create(Type, round.Set, round.Set.Body.Obj("spec", "template")!, Component, pod =>
    {
        pod.Meta().Ensure("labels")[HashLabel] = round.Hash;
        var spec = pod.Ensure("spec");
        BindTo(spec, node);
        var tolerations = spec["tolerations"] as JsonArray ?? [];
        foreach (var (key, effect) in ((string, string)[])
            [("node.kubernetes.io/not-ready", "NoExecute"), ("node.kubernetes.io/unreachable", "NoExecute"), ("node.kubernetes.io/disk-pressure", "NoSchedule"),
                ("node.kubernetes.io/memory-pressure", "NoSchedule"), ("node.kubernetes.io/pid-pressure", "NoSchedule"), (Scheduler.Unschedulable, "NoSchedule")])
        {
            tolerations.Add((JsonNode)new JsonObject { ["key"] = key, ["operator"] = "Exists", ["effect"] = effect });
        }
        if (tolerations.Parent is null)
            spec["tolerations"] = tolerations;
    });

    /// <summary>To this node and no other, beside what the template asks for.</summary>
    private static void BindTo(JsonObject spec, string node)
    {
        JsonArray Fields() => [new JsonObject { ["key"] = "metadata.name", ["operator"] = "In", ["values"] = new JsonArray(node) }];
        var required = spec.Ensure("affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution");
        var terms = required.Items("nodeSelectorTerms").ToList();
        foreach (var term in terms)
            term["matchFields"] = Fields();
        if (terms.Count == 0)
            required["nodeSelectorTerms"] = new JsonArray(new JsonObject { ["matchFields"] = Fields() });
    }

    private void WriteStatus(Round round)
    {
        var set = round.Set;
        var first = round.Wanted.Select(node => round.On(node).Where(pod => !pod.Body.IsDeleting())
            .OrderBy(pod => Hash(pod) != round.Hash).ThenBy(PodControl.IsReady).FirstOrDefault()).ToList();
        long scheduled = round.Wanted.Count(node => round.On(node).Count > 0);
        long ready = first.OfType<StoredObject>().Count(PodControl.IsReady);
        long available = first.OfType<StoredObject>().Count(pod => PodControl.IsAvailable(pod, round.MinReady, Now));
        var status = new JsonObject
        {
            ["currentNumberScheduled"] = scheduled,
            ["numberMisscheduled"] = round.Pods.Keys.LongCount(node => !round.Wanted.Contains(node)),
            ["desiredNumberScheduled"] = (long)round.Wanted.Count,
            ["numberReady"] = ready,
            ["observedGeneration"] = set.Body.Int("metadata", "generation") ?? 0,
        };
        Set("updatedNumberScheduled", first.OfType<StoredObject>().Count(pod => Hash(pod) == round.Hash));
        Set("numberAvailable", available);
        Set("numberUnavailable", round.Wanted.Count - available);
        if (Find(Type, set.Key) is StoredObject latest)
            Cluster.UpdateStatus(Type, latest, status);

        void Set(string name, long count)
        {
            if (count > 0)
                status[name] = count;
        }
    }

    private static string Hash(StoredObject pod) => pod.Body.Labels().Str(HashLabel);

    /// <summary>The node that a pod runs on, or waits for.</summary>
    private static string NodeOf(StoredObject pod) => pod.Body.Str("spec", "nodeName") is { Length: > 0 } bound
        ? bound
        : pod.Body.Items("spec", "affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution", "nodeSelectorTerms")
            .SelectMany(term => term.Items("matchFields")).Where(field => field.Str("key") == "metadata.name")
            .SelectMany(field => field.Texts("values")).FirstOrDefault() ?? "";

    private static bool SameLabels(StoreChange change) => JsonAccess.Same(change.Previous!.Body.Labels(), change.Current.Body.Labels());

    /// <summary>What one look at a set is about.</summary>
    private sealed record Round(StoredObject Set, string Hash, Dictionary<string, List<StoredObject>> Pods, List<string> Wanted)
    {
        public long MinReady => Set.Body.Int("spec", "minReadySeconds") ?? 0;

        public long MaxUnavailable => Resolve("maxUnavailable");

        public long MaxSurge => Resolve("maxSurge");

        public List<StoredObject> On(string node) => Pods.TryGetValue(node, out var list) ? list : [];

        private long Resolve(string field) =>
            DeploymentMath.Resolve(Set.Body.At("spec", "updateStrategy", "rollingUpdate", field), Wanted.Count, roundUp: true);
    }
}
