using System.Text.Json.Nodes;
using CvManager.Sandbox.Json;
using CvManager.Sandbox.Kinds;
using CvManager.Sandbox.Storage;

namespace CvManager.Sandbox.Controllers;

/// <summary>The ControllerRevisions of StatefulSets or DaemonSets: their current and former pod templates.</summary>
/// <param name="pods">Provides the owner index and the cluster.</param>
/// <param name="type">The owners' kind.</param>
/// <param name="hashLabel">The label that holds a revision's hash.</param>
internal sealed class RevisionHistory(PodControl pods, ResourceType type, string hashLabel)
{
    private const long DefaultLimit = 10;

    private static ResourceType Revisions => BuiltInKinds.ControllerRevisions;

    public static JsonObject Template(StoredObject revision)
    {
        var template = revision.Body.Obj("data", "spec", "template")!.Clone();
        template.Remove("$patch");
        return template;
    }

    public string Hash(StoredObject revision) => revision.Body.Labels().Str(hashLabel);

    /// <summary>All revisions of an owner, oldest first.</summary>
    public List<StoredObject> All(StoredObject owner) => [.. pods.Owners.Controlled(Revisions, owner.Uid).OrderBy(Number)];

    /// <summary>The revision of the owner's current template, made the newest; created if it does not exist.</summary>
    public StoredObject Sync(StoredObject owner)
    {
        var all = All(owner);
        var newest = all.Count == 0 ? 0 : Number(all[^1]);
        var template = owner.Body.Obj("spec", "template")!;
        var same = all.LastOrDefault(revision => JsonAccess.Same(Template(revision), template));
        if (same is null)
            return Create(owner, template, newest + 1);
        return Number(same) == newest ? same : pods.Cluster.Update(Revisions, same, body => body["revision"] = newest + 1);
    }

    /// <summary>Deletes the oldest unused revisions beyond revisionHistoryLimit.</summary>
    public void Truncate(StoredObject owner, IReadOnlySet<string> live)
    {
        var idle = All(owner).Where(revision => !live.Contains(revision.Name) && !live.Contains(Hash(revision))).ToList();
        var surplus = idle.Count - (owner.Body.Int("spec", "revisionHistoryLimit") ?? DefaultLimit);
        foreach (var revision in idle.Take((int)Math.Max(0, surplus)))
            pods.Cluster.Delete(Revisions, revision);
    }

    private static long Number(StoredObject revision) => revision.Body.Int("revision") ?? 0;

    private StoredObject Create(StoredObject owner, JsonObject template, long number)
    {
        long collisions = 0;
        var hash = DeploymentMath.TemplateHash(template, null);
        while (pods.Cluster.Store.Table(Revisions).Find(owner.Namespace, $"{owner.Name}-{hash}") is not null)
            hash = DeploymentMath.TemplateHash(template, ++collisions);
        var labels = template.Labels()?.Clone() ?? [];
        labels[hashLabel] = hash;
        var data = template.Clone();
        data["$patch"] = "replace";
        return pods.Cluster.Create(
            Revisions,
            owner.Namespace,
            new JsonObject
            {
                ["kind"] = Revisions.Kind,
                ["apiVersion"] = Revisions.Storage.ApiVersion,
                ["metadata"] = new JsonObject
                {
                    ["name"] = $"{owner.Name}-{hash}",
                    ["labels"] = labels,
                    ["ownerReferences"] = new JsonArray(PodControl.OwnerReference(type, owner)),
                },
                ["data"] = new JsonObject { ["spec"] = new JsonObject { ["template"] = data } },
                ["revision"] = number,
            }
        );
    }
}
