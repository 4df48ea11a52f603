using System.Text.Json.Nodes;
using CvManager.Sandbox.Api;
using CvManager.Sandbox.Json;
using CvManager.Sandbox.Kinds;
using CvManager.Sandbox.Selectors;
using CvManager.Sandbox.Storage;

namespace CvManager.Sandbox.Controllers;

/// <summary>Binds each pod to the node with the fewest pods among those it may run on.</summary>
internal sealed class Scheduler(ClusterState cluster, EventRecorder events) : ControllerBase(cluster)
{
    /// <summary>The taint of cordoned nodes.</summary>
    public const string Unschedulable = "node.kubernetes.io/unschedulable";

    private const string Component = "default-scheduler";

    private readonly Dictionary<string, int> _podsByNode = new(StringComparer.Ordinal);
    private readonly HashSet<string> _waiting = new(StringComparer.Ordinal);

    /// <summary>Whether the pod's node selector and node affinity match the node.</summary>
    public static bool Fits(JsonObject spec, StoredObject node)
    {
        if (!LabelSelector.FromMap(spec.Obj("nodeSelector")).Matches(node.Body.Labels()))
            return false;
        var terms = spec.Items("affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution", "nodeSelectorTerms").ToList();
        return terms.Count == 0
            || terms.Any(term =>
                LabelSelector
                    .FromObject(new JsonObject { ["matchExpressions"] = term["matchExpressions"]?.DeepClone() })!
                    .Matches(node.Body.Labels())
                && LabelSelector
                    .FromObject(new JsonObject { ["matchExpressions"] = term["matchFields"]?.DeepClone() })!
                    .Matches(new JsonObject { ["metadata.name"] = node.Name })
            );
    }

    protected override void OnChange(StoreChange change)
    {
        if (ReferenceEquals(change.Table.Type, BuiltInKinds.Nodes))
        {
            foreach (var key in _waiting)
                Enqueue(key);
            return;
        }
        if (!ReferenceEquals(change.Table.Type, BuiltInKinds.Pods))
            return;
        var before = change.Previous?.Body.Str("spec", "nodeName") ?? "";
        var now = change.Kind == ChangeKind.Deleted ? "" : change.Current.Body.Str("spec", "nodeName");
        Count(before, -1);
        Count(now, 1);
        if (change.Kind == ChangeKind.Deleted)
            _waiting.Remove(change.Current.Key);
        else if (now.Length == 0 && change.Kind == ChangeKind.Added)
            Enqueue(change.Current.Key);
    }

    protected override void Reconcile(string key)
    {
        if (Find(BuiltInKinds.Pods, key) is not StoredObject pod || pod.Body.Str("spec", "nodeName").Length > 0 || pod.Body.IsDeleting())
            return;
        var spec = pod.Body.Obj("spec")!;
        if (spec.Arr("schedulingGates") is { Count: > 0 } || spec.Str("schedulerName") != Component)
            return;
        var ignoresCordon = spec.Items("tolerations")
            .Any(toleration => toleration.Str("key") is Unschedulable or "" && toleration.Str("operator") == "Exists");
        var nodes = Cluster.Store.Table(BuiltInKinds.Nodes).List("");
        var node = nodes
            .Where(node => (ignoresCordon || !node.Body.Bool("spec", "unschedulable")) && Fits(spec, node))
            .MinBy(node => _podsByNode.GetValueOrDefault(node.Name));
        if (node is null)
        {
            _waiting.Add(key);
            var message = $"0/{nodes.Count} nodes are available: {nodes.Count} node(s) didn't match Pod's node affinity/selector.";
            var status = pod.Body.Obj("status")!.Clone();
            status["conditions"] = new JsonArray(Condition("False", "Unschedulable", message));
            Cluster.UpdateStatus(BuiltInKinds.Pods, pod, status, ControllerIdentity.Scheduler);
            events.Warning(BuiltInKinds.Pods, pod, Component, "FailedScheduling", message);
            return;
        }
        _waiting.Remove(key);
        pod = Cluster.Update(BuiltInKinds.Pods, pod, body => body.Ensure("spec")["nodeName"] = node.Name, ControllerIdentity.Scheduler);
        var bound = pod.Body.Obj("status")!.Clone();
        bound["conditions"] = new JsonArray(Condition("True", "", ""));
        Cluster.UpdateStatus(BuiltInKinds.Pods, pod, bound, ControllerIdentity.Scheduler);
        events.Normal(BuiltInKinds.Pods, pod, Component, "Scheduled", $"Successfully assigned {pod.Key} to {node.Name}");
    }

    private JsonObject Condition(string status, string reason, string message)
    {
        var condition = new JsonObject
        {
            ["type"] = "PodScheduled",
            ["status"] = status,
            ["lastProbeTime"] = null,
            ["lastTransitionTime"] = Cluster.Timestamp,
        };
        condition.SetOrRemove("reason", reason);
        condition.SetOrRemove("message", message);
        return condition;
    }

    private void Count(string node, int change)
    {
        if (node.Length > 0)
            _podsByNode[node] = _podsByNode.GetValueOrDefault(node) + change;
    }
}
