using System.Text.Json.Nodes;
using CvManager.Sandbox.Api;
using CvManager.Sandbox.Kinds;
using CvManager.Sandbox.Storage;

namespace CvManager.Sandbox.Controllers;

/// <summary>Keeps as many pods as a ReplicaSet asks for.</summary>
internal sealed class ReplicaSetController(PodControl pods) : ControllerBase(pods.Cluster)
{
    private const string Component = "replicaset-controller";

    /// <summary>Pods made in one go; the rest follows in the next.</summary>
    private const int Burst = 500;

    private static ResourceType Type => BuiltInKinds.ReplicaSets;

    protected override void OnChange(StoreChange change)
    {
        if (ReferenceEquals(change.Table.Type, Type))
        {
            if (change.Kind != ChangeKind.Deleted)
                Enqueue(change.Current.Key);
            return;
        }
        if (!ReferenceEquals(change.Table.Type, BuiltInKinds.Pods))
            return;
        EnqueueOwner(change.Current);
        if (change.Previous is not null && change.Previous.Body.ControllerRef().Str("uid") != change.Current.Body.ControllerRef().Str("uid"))
            EnqueueOwner(change.Previous);
    }

    protected override void Reconcile(string key)
    {
        if (Find(Type, key) is not StoredObject set)
            return;
        var selector = LabelSelector.FromObject(set.Body.Obj("spec", "selector"))!;
        var active = pods.Claim(Type, set, selector).Where(PodControl.IsActive).ToList();
        if (!set.Body.IsDeleting())
        {
            long wanted = set.Body.Int("spec", "replicas") ?? 1;
            if (active.Count < wanted)
                Grow(set, active, (int)Math.Min(wanted - active.Count, Burst), key, wanted);
            else if (active.Count > wanted)
                Shrink(set, active, (int)(active.Count - wanted));
        }
        WriteStatus(set, active, key);
    }

    private void EnqueueOwner(StoredObject pod)
    {
        var reference = pod.Body.ControllerRef();
        if (reference is not null)
        {
            if (reference.Str("kind") == Type.Kind && Cluster.Store.Table(Type).Find(pod.Namespace, reference.Str("name")) is StoredObject owner)
                Enqueue(owner.Key);
            return;
        }
        foreach (var set in Cluster.Store.Table(Type).List(pod.Namespace))
        {
            if (LabelSelector.FromObject(set.Body.Obj("spec", "selector"))!.Matches(pod.Body.Labels()))
                Enqueue(set.Key);
        }
    }

    private void Grow(StoredObject set, List<StoredObject> active, int count, string key, long wanted)
    {
        var template = set.Body.Obj("spec", "template")!;
        for (int i = 0; i < count; i++)
            active.Add(pods.Create(Type, set, template, Component));
        if (active.Count < wanted)
            Enqueue(key);
    }

    private void Shrink(StoredObject set, List<StoredObject> active, int count)
    {
        foreach (var pod in PodControl.InOrderOfDeletion(active).Take(count).ToList())
        {
            pods.Delete(Type, set, pod, Component);
            active.Remove(pod);
        }
    }

    private void WriteStatus(StoredObject set, List<StoredObject> active, string key)
    {
        long minReady = set.Body.Int("spec", "minReadySeconds") ?? 0;
        var labels = LabelSelector.FromMap(set.Body.Obj("spec", "template").Obj("metadata", "labels"));
        int ready = active.Count(PodControl.IsReady);
        int available = active.Count(pod => PodControl.IsAvailable(pod, minReady, Now));
        var status = new JsonObject { ["replicas"] = (long)active.Count };
        Set("fullyLabeledReplicas", active.Count(pod => labels.Matches(pod.Body.Labels())));
        Set("readyReplicas", ready);
        Set("availableReplicas", available);
        status["observedGeneration"] = set.Body.Int("metadata", "generation") ?? 0;
        if (set.Body.At("status", "conditions") is JsonNode conditions)
            status["conditions"] = conditions.DeepClone();
        if (Find(Type, key) is StoredObject current)
            Cluster.UpdateStatus(Type, current, status);
        if (ready > available)
        {
            var next = active.Where(PodControl.IsReady).Select(pod => PodControl.AvailableAt(pod, minReady)).Where(time => time > Now).DefaultIfEmpty(Now).Min();
            EnqueueAfter(key, next - Now);
        }

        void Set(string name, int count)
        {
            if (count > 0)
                status[name] = (long)count;
        }
    }
}
