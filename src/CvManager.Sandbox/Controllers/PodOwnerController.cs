using CvManager.Sandbox.Json;
using CvManager.Sandbox.Kinds;
using CvManager.Sandbox.Selectors;
using CvManager.Sandbox.Storage;

namespace CvManager.Sandbox.Controllers;

/// <summary>A controller of a kind that owns pods: reconciles an object when it, one of its pods, or a pod it may adopt changes.</summary>
internal abstract class PodOwnerController(PodControl pods, ResourceType type) : ControllerBase(pods.Cluster)
{
    protected PodControl Pods => pods;

    protected ResourceType Type => type;

    protected override void OnChange(StoreChange change)
    {
        if (ReferenceEquals(change.Table.Type, type))
        {
            if (change.Kind != ChangeKind.Deleted)
                Enqueue(change.Current.Key);
            return;
        }
        if (!ReferenceEquals(change.Table.Type, BuiltInKinds.Pods))
            return;
        EnqueueOwner(change.Current);
        if (
            change.Previous is not null
            && change.Previous.Body.ControllerRef().Str("uid") != change.Current.Body.ControllerRef().Str("uid")
        )
            EnqueueOwner(change.Previous);
    }

    private void EnqueueOwner(StoredObject pod)
    {
        var table = Cluster.Store.Table(type);
        var reference = pod.Body.ControllerRef();
        if (reference is not null)
        {
            if (reference.Str("kind") == type.Kind && table.Find(pod.Namespace, reference.Str("name")) is StoredObject owner)
                Enqueue(owner.Key);
            return;
        }
        foreach (var item in table.List(pod.Namespace))
        {
            if (LabelSelector.FromObject(item.Body.Obj("spec", "selector")) is { } selector && selector.Matches(pod.Body.Labels()))
                Enqueue(item.Key);
        }
    }
}
