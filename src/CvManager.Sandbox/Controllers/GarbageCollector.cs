using System.Text.Json.Nodes;
using CvManager.Sandbox.Api;
using CvManager.Sandbox.Json;
using CvManager.Sandbox.Kinds;
using CvManager.Sandbox.Storage;

namespace CvManager.Sandbox.Controllers;

/// <summary>
/// Deletes objects whose owners are gone, and completes foreground and orphan deletions. Keys are UIDs.
/// </summary>
internal sealed class GarbageCollector(ClusterState cluster, OwnerIndex owners) : ControllerBase(cluster)
{
    private const string Foreground = "foregroundDeletion";
    private const string Orphan = "orphan";

    protected override void OnChange(StoreChange change)
    {
        var body = change.Current.Body;
        if (change.Kind == ChangeKind.Deleted)
        {
            foreach (var dependent in owners.Dependents(change.Current.Uid))
                Enqueue(dependent.Uid);
            foreach (var owner in body.Items("metadata", "ownerReferences"))
                Enqueue(owner.Str("uid"));
            return;
        }
        var waits = body.IsDeleting() && body.Texts("metadata", "finalizers").Any(name => name is Foreground or Orphan);
        var owned = body.Arr("metadata", "ownerReferences") is { Count: > 0 };
        if (
            waits
            || (
                owned
                && (
                    change.Previous is null
                    || !JsonAccess.Same(body.Arr("metadata", "ownerReferences"), change.Previous.Body.Arr("metadata", "ownerReferences"))
                )
            )
        )
            Enqueue(change.Current.Uid);
    }

    protected override void Reconcile(string key)
    {
        if (Cluster.Store.ByUid(key) is not var (table, item))
            return;
        if (item.Body.IsDeleting())
        {
            var finalizers = item.Body.Texts("metadata", "finalizers").ToList();
            if (finalizers.Contains(Orphan))
                ReleaseDependents(table.Type, item);
            else if (finalizers.Contains(Foreground))
                DeleteDependents(table.Type, item);
        }
        else
        {
            Collect(table.Type, item);
        }
    }

    /// <summary>Deletes an object that has no existing owner. If one exists, dangling owner references are removed instead.</summary>
    private void Collect(ResourceType type, StoredObject item)
    {
        var references = item.Body.Items("metadata", "ownerReferences").ToList();
        if (references.Count == 0)
            return;
        var living = new List<JsonObject>();
        var foreground = false;
        foreach (var reference in references)
        {
            if (Cluster.Store.ByUid(reference.Str("uid")) is not var (_, owner))
                continue;
            if (owner.Body.IsDeleting() && owner.Body.Texts("metadata", "finalizers").Contains(Foreground))
                foreground = true;
            else
                living.Add(reference);
        }
        if (living.Count == 0)
        {
            var hasBlocked = foreground && owners.Dependents(item.Uid).Any(dependent => Blocks(dependent, item.Uid));
            Cluster.Delete(type, item, new DeleteOptions { PropagationPolicy = hasBlocked ? "Foreground" : "Background" });
        }
        else if (living.Count < references.Count)
        {
            Cluster.Update(type, item, body => SetOwners(body, living));
        }
    }

    private void DeleteDependents(ResourceType type, StoredObject owner)
    {
        var blocking = owners.Dependents(owner.Uid).Where(dependent => Blocks(dependent, owner.Uid)).ToList();
        foreach (var dependent in owners.Dependents(owner.Uid))
        {
            if (!dependent.Body.IsDeleting())
                Enqueue(dependent.Uid);
        }
        if (blocking.Count == 0)
            Finish(type, owner, Foreground);
    }

    private void ReleaseDependents(ResourceType type, StoredObject owner)
    {
        foreach (var dependent in owners.Dependents(owner.Uid))
        {
            if (Cluster.Store.ByUid(dependent.Uid) is var (table, current))
            {
                Cluster.Update(
                    table.Type,
                    current,
                    body =>
                        SetOwners(
                            body,
                            body.Items("metadata", "ownerReferences").Where(reference => reference.Str("uid") != owner.Uid).ToList()
                        )
                );
            }
        }
        Finish(type, owner, Orphan);
    }

    private void Finish(ResourceType type, StoredObject owner, string finalizer) =>
        Cluster.Update(
            type,
            owner,
            body =>
            {
                var rest = body.Texts("metadata", "finalizers").Where(name => name != finalizer).ToList();
                if (rest.Count == 0)
                    body.Meta().Remove("finalizers");
                else
                    body.Meta()["finalizers"] = new JsonArray([.. rest.Select(name => JsonValue.Create(name))]);
            }
        );

    private static bool Blocks(StoredObject dependent, string ownerUid) =>
        dependent
            .Body.Items("metadata", "ownerReferences")
            .Any(reference => reference.Str("uid") == ownerUid && reference.Bool("blockOwnerDeletion"));

    private static void SetOwners(JsonObject body, List<JsonObject> references)
    {
        if (references.Count == 0)
            body.Meta().Remove("ownerReferences");
        else
            body.Meta()["ownerReferences"] = new JsonArray([.. references.Select(reference => reference.DeepClone())]);
    }
}
