using System.Text.Json.Nodes;
using CvManager.Sandbox.Errors;
using CvManager.Sandbox.Json;
using CvManager.Sandbox.Kinds;
using CvManager.Sandbox.Selectors;
using CvManager.Sandbox.Storage;

namespace CvManager.Sandbox.Controllers;

/// <summary>Creates, adopts, ranks and deletes pods for the controllers that own them. Called with the store's lock held.</summary>
internal sealed class PodControl(ClusterState cluster, OwnerIndex owners, EventRecorder events)
{
    public ClusterState Cluster => cluster;

    public EventRecorder Events => events;

    public OwnerIndex Owners => owners;

    public static JsonObject OwnerReference(ResourceType type, StoredObject owner) =>
        new()
        {
            ["apiVersion"] = type.Storage.ApiVersion,
            ["kind"] = type.Kind,
            ["name"] = owner.Name,
            ["uid"] = owner.Uid,
            ["controller"] = true,
            ["blockOwnerDeletion"] = true,
        };

    public static bool IsActive(StoredObject pod) => !pod.Body.IsDeleting() && !IsFinished(pod);

    public static bool IsFinished(StoredObject pod) => pod.Body.Str("status", "phase") is "Succeeded" or "Failed";

    public static bool IsReady(StoredObject pod) => ReadyCondition(pod).Str("status") == "True";

    /// <summary>When a ready pod becomes available: after being ready for minReadySeconds.</summary>
    public static DateTimeOffset AvailableAt(StoredObject pod, long minReadySeconds) =>
        (Timestamps.Parse(ReadyCondition(pod)?["lastTransitionTime"]) ?? DateTimeOffset.MinValue) + TimeSpan.FromSeconds(minReadySeconds);

    public static bool IsAvailable(StoredObject pod, long minReadySeconds, DateTimeOffset now) =>
        IsReady(pod) && (minReadySeconds == 0 || AvailableAt(pod, minReadySeconds) <= now);

    /// <summary>When the next of the ready pods becomes available; null if all of them are.</summary>
    public static DateTimeOffset? NextAvailable(IEnumerable<StoredObject> pods, long minReadySeconds, DateTimeOffset now) =>
        pods.Where(IsReady).Select(pod => (DateTimeOffset?)AvailableAt(pod, minReadySeconds)).Where(time => time > now).Min();

    /// <summary>The pods that the owner controls, after adopting matching orphans and releasing pods that no longer match.</summary>
    public IReadOnlyList<StoredObject> Claim(
        ResourceType type,
        StoredObject owner,
        LabelSelector selector,
        Func<StoredObject, bool>? mayAdopt = null
    )
    {
        var claimed = new List<StoredObject>();
        foreach (var pod in owners.Controlled(BuiltInKinds.Pods, owner.Uid).ToList())
        {
            if (selector.Matches(pod.Body.Labels()))
                claimed.Add(pod);
            else if (!owner.Body.IsDeleting())
                cluster.Update(BuiltInKinds.Pods, pod, body => Release(body, owner.Uid));
        }
        if (owner.Body.IsDeleting())
            return claimed;
        foreach (var pod in owners.Orphans(BuiltInKinds.Pods, owner.Namespace))
        {
            if (IsActive(pod) && selector.Matches(pod.Body.Labels()) && mayAdopt?.Invoke(pod) != false)
                claimed.Add(cluster.Update(BuiltInKinds.Pods, pod, body => Adopt(body, type, owner)));
        }
        return claimed;
    }

    /// <summary>Creates a pod from a template, changed by <paramref name="finish"/>, and records an event.</summary>
    public StoredObject Create(
        ResourceType type,
        StoredObject owner,
        JsonObject template,
        string component,
        Action<JsonObject>? finish = null,
        string? message = null
    )
    {
        var meta = new JsonObject { ["generateName"] = owner.Name + "-" };
        if (template.Labels() is JsonObject labels)
            meta["labels"] = labels.DeepClone();
        if (template.Annotations() is JsonObject annotations)
            meta["annotations"] = annotations.DeepClone();
        if (template.Arr("metadata", "finalizers") is JsonArray finalizers)
            meta["finalizers"] = finalizers.DeepClone();
        meta["ownerReferences"] = new JsonArray(OwnerReference(type, owner));
        var pod = new JsonObject
        {
            ["kind"] = "Pod",
            ["apiVersion"] = "v1",
            ["metadata"] = meta,
            ["spec"] = template.Obj("spec")!.DeepClone(),
        };
        finish?.Invoke(pod);
        try
        {
            var created = cluster.Create(BuiltInKinds.Pods, owner.Namespace, pod);
            events.Normal(type, owner, component, "SuccessfulCreate", message ?? $"Created pod: {created.Name}");
            return created;
        }
        catch (ApiException e)
        {
            events.Warning(type, owner, component, "FailedCreate", $"Error creating: {e.Message}");
            throw;
        }
    }

    public void Delete(ResourceType type, StoredObject owner, StoredObject pod, string component, string? message = null)
    {
        cluster.Delete(BuiltInKinds.Pods, pod);
        events.Normal(type, owner, component, "SuccessfulDelete", message ?? $"Deleted pod: {pod.Name}");
    }

    /// <summary>The order in which pods are deleted when scaling down.</summary>
    public static IEnumerable<StoredObject> DeletionOrder(IEnumerable<StoredObject> pods) =>
        pods.OrderBy(pod => pod.Body.Str("spec", "nodeName").Length > 0)
            .ThenBy(pod =>
                pod.Body.Str("status", "phase") switch
                {
                    "Pending" => 0,
                    "Unknown" => 1,
                    _ => 2,
                }
            )
            .ThenBy(IsReady)
            .ThenByDescending(pod => IsReady(pod) ? ReadyCondition(pod).Str("lastTransitionTime") : "", StringComparer.Ordinal)
            .ThenByDescending(Restarts)
            .ThenByDescending(pod => pod.Body.Str("metadata", "creationTimestamp"), StringComparer.Ordinal)
            .ThenBy(pod => pod.Name, StringComparer.Ordinal);

    public static void Adopt(JsonObject body, ResourceType type, StoredObject owner)
    {
        var references = body.Arr("metadata", "ownerReferences") ?? [];
        references.Add((JsonNode)OwnerReference(type, owner));
        if (references.Parent is null)
            body.Meta()["ownerReferences"] = references;
    }

    private static void Release(JsonObject body, string ownerUid)
    {
        var rest = body.Items("metadata", "ownerReferences").Where(reference => reference.Str("uid") != ownerUid).ToList();
        if (rest.Count == 0)
            body.Meta().Remove("ownerReferences");
        else
            body.Meta()["ownerReferences"] = new JsonArray([.. rest.Select(reference => reference.DeepClone())]);
    }

    private static JsonObject? ReadyCondition(StoredObject pod) =>
        pod.Body.Items("status", "conditions").FirstOrDefault(condition => condition.Str("type") == "Ready");

    private static long Restarts(StoredObject pod) =>
        pod.Body.Items("status", "containerStatuses").Sum(status => status.Int("restartCount") ?? 0);
}
