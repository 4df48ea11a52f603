using System.Text.Json.Nodes;
using CvManager.Sandbox.Json;
using CvManager.Sandbox.Kinds;
using CvManager.Sandbox.Selectors;
using CvManager.Sandbox.Storage;

namespace CvManager.Sandbox.Controllers;

/// <summary>Keeps the number of pods of each ReplicaSet at spec.replicas.</summary>
internal sealed class ReplicaSetController(PodControl pods) : PodOwnerController(pods, BuiltInKinds.ReplicaSets)
{
    private const string Component = "replicaset-controller";

    /// <summary>The most pods created in one reconcile.</summary>
    private const int Burst = 500;

    protected override void Reconcile(string key)
    {
        if (Find(Type, key) is not StoredObject set)
            return;
        var selector = LabelSelector.FromObject(set.Body.Obj("spec", "selector"))!;
        var active = Pods.Claim(Type, set, selector).Where(PodControl.IsActive).ToList();
        if (!set.Body.IsDeleting())
        {
            var desired = set.Body.Int("spec", "replicas") ?? 1;
            if (active.Count < desired)
                ScaleUp(set, active, (int)Math.Min(desired - active.Count, Burst), key, desired);
            else if (active.Count > desired)
                ScaleDown(set, active, (int)(active.Count - desired));
        }
        WriteStatus(set, active, key);
    }

    private void ScaleUp(StoredObject set, List<StoredObject> active, int count, string key, long desired)
    {
        var template = set.Body.Obj("spec", "template")!;
        for (var i = 0; i < count; i++)
            active.Add(Pods.Create(Type, set, template, Component));
        if (active.Count < desired)
            Enqueue(key);
    }

    private void ScaleDown(StoredObject set, List<StoredObject> active, int count)
    {
        foreach (var pod in PodControl.DeletionOrder(active).Take(count).ToList())
        {
            Pods.Delete(Type, set, pod, Component);
            active.Remove(pod);
        }
    }

    private void WriteStatus(StoredObject set, List<StoredObject> active, string key)
    {
        var minReady = set.Body.Int("spec", "minReadySeconds") ?? 0;
        var labels = LabelSelector.FromMap(set.Body.Obj("spec", "template").Obj("metadata", "labels"));
        var ready = active.Count(PodControl.IsReady);
        var available = active.Count(pod => PodControl.IsAvailable(pod, minReady, Now));
        var status = new JsonObject { ["replicas"] = (long)active.Count };
        Set("fullyLabeledReplicas", active.Count(pod => labels.Matches(pod.Body.Labels())));
        Set("readyReplicas", ready);
        Set("availableReplicas", available);
        status["observedGeneration"] = set.Body.Int("metadata", "generation") ?? 0;
        if (set.Body.At("status", "conditions") is JsonNode conditions)
            status["conditions"] = conditions.DeepClone();
        if (Find(Type, key) is StoredObject current)
            Cluster.UpdateStatus(Type, current, status);
        if (PodControl.NextAvailable(active, minReady, Now) is DateTimeOffset next)
            EnqueueAfter(key, next - Now);

        void Set(string name, int count)
        {
            if (count > 0)
                status[name] = (long)count;
        }
    }
}
