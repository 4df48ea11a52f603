using System.Globalization;
using System.Text.Json.Nodes;
using CvManager.Sandbox.Api;
using CvManager.Sandbox.Kinds;
using CvManager.Sandbox.Storage;

namespace CvManager.Sandbox.Controllers;

/// <summary>Moves replicas between a Deployment's ReplicaSets.</summary>
internal sealed class DeploymentScaling(PodControl pods)
{
    private static ResourceType Sets => BuiltInKinds.ReplicaSets;

    public static void SetReplicaAnnotations(JsonObject annotations, StoredObject deployment)
    {
        long replicas = DeploymentMath.Replicas(deployment);
        annotations[DeploymentMath.DesiredReplicas] = replicas.ToString(CultureInfo.InvariantCulture);
        annotations[DeploymentMath.MaxReplicas] = (replicas + DeploymentMath.MaxSurge(deployment)).ToString(CultureInfo.InvariantCulture);
    }

    /// <returns>True where the number changed.</returns>
    public bool ScaleTo(StoredObject deployment, StoredObject set, long replicas)
    {
        set = pods.Cluster.Store.Table(Sets).Find(set.Namespace, set.Name) ?? set;
        long before = DeploymentMath.Replicas(set);
        pods.Cluster.Update(Sets, set, body =>
        {
            body.Ensure("spec")["replicas"] = replicas;
            SetReplicaAnnotations(body.Ensure("metadata", "annotations"), deployment);
        });
        if (before == replicas)
            return false;
        pods.Events.Normal(BuiltInKinds.Deployments, deployment, DeploymentController.Component, "ScalingReplicaSet",
            $"Scaled {(replicas > before ? "up" : "down")} replica set {set.Name} from {before} to {replicas}");
        return true;
    }

    public bool ScaleToZero(StoredObject deployment, IEnumerable<StoredObject> sets)
    {
        bool any = false;
        foreach (var set in sets.Where(set => DeploymentMath.Replicas(set) > 0))
            any |= ScaleTo(deployment, set, 0);
        return any;
    }

    /// <summary>Gives the new replica set as many replicas as maxSurge lets it have.</summary>
    public bool GrowNew(StoredObject deployment, StoredObject fresh, IReadOnlyCollection<StoredObject> old)
    {
        long wanted = DeploymentMath.Replicas(deployment);
        long has = DeploymentMath.Replicas(fresh);
        if (has == wanted)
            return false;
        if (has > wanted)
            return ScaleTo(deployment, fresh, wanted);
        long room = wanted + DeploymentMath.MaxSurge(deployment) - has - DeploymentMath.Replicas(old);
        return room > 0 && ScaleTo(deployment, fresh, has + Math.Min(room, wanted - has));
    }

    /// <summary>Takes as many replicas from the old replica sets as maxUnavailable allows, the ones that do not work first.</summary>
    public bool ShrinkOld(StoredObject deployment, StoredObject fresh, List<StoredObject> old)
    {
        long oldReplicas = DeploymentMath.Replicas(old);
        if (oldReplicas == 0)
            return false;
        long all = oldReplicas + DeploymentMath.Replicas(fresh);
        long least = DeploymentMath.Replicas(deployment) - DeploymentMath.MaxUnavailable(deployment);
        long notYet = DeploymentMath.Replicas(fresh) - DeploymentMath.Status(fresh, "availableReplicas");
        long most = all - least - notYet;
        if (most <= 0)
            return false;
        long taken = 0;
        foreach (var set in Oldest(old))
        {
            long broken = Math.Min(DeploymentMath.Replicas(set) - DeploymentMath.Status(set, "availableReplicas"), most - taken);
            if (broken > 0 && ScaleTo(deployment, set, DeploymentMath.Replicas(set) - broken))
                taken += broken;
        }
        old = [.. old.Select(set => pods.Cluster.Store.Table(Sets).Find(set.Namespace, set.Name)).OfType<StoredObject>()];
        fresh = pods.Cluster.Store.Table(Sets).Find(fresh.Namespace, fresh.Name)!;
        long spare = old.Append(fresh).Sum(set => DeploymentMath.Status(set, "availableReplicas")) - least;
        foreach (var set in Oldest(old))
        {
            long step = Math.Min(DeploymentMath.Replicas(set), spare);
            if (step > 0 && ScaleTo(deployment, set, DeploymentMath.Replicas(set) - step))
            {
                spare -= step;
                taken += step;
            }
        }
        return taken > 0;
    }

    /// <summary>After a change of the number of replicas, or while paused: each active set gets its share.</summary>
    public void Scale(StoredObject deployment, StoredObject? fresh, List<StoredObject> old)
    {
        long wanted = DeploymentMath.Replicas(deployment);
        var all = fresh is null ? old : [.. old, fresh];
        var active = all.Where(set => DeploymentMath.Replicas(set) > 0).ToList();
        if (active.Count <= 1)
        {
            var only = active.FirstOrDefault() ?? fresh ?? Oldest(old).LastOrDefault();
            if (only is not null)
                ScaleTo(deployment, only, wanted);
            return;
        }
        if (fresh is not null && DeploymentMath.Replicas(fresh) == wanted && DeploymentMath.Status(fresh, "availableReplicas") == wanted)
        {
            ScaleToZero(deployment, old);
            return;
        }
        if (DeploymentMath.IsRolling(deployment))
            ScaleInProportion(deployment, active, wanted > 0 ? wanted + DeploymentMath.MaxSurge(deployment) : 0);
    }

    private void ScaleInProportion(StoredObject deployment, List<StoredObject> active, long allowed)
    {
        long total = DeploymentMath.Replicas(active);
        long toAdd = allowed - total;
        // Growing begins with the newest of the largest sets, shrinking with the oldest of the smallest.
        var sets = toAdd > 0
            ? active.OrderByDescending(DeploymentMath.Replicas).ThenByDescending(set => set.Body.Str("metadata", "creationTimestamp"), StringComparer.Ordinal).ToList()
            : [.. active.OrderByDescending(DeploymentMath.Replicas).ThenBy(set => set.Body.Str("metadata", "creationTimestamp"), StringComparer.Ordinal)];
        long added = 0;
        var sizes = new List<long>();
        foreach (var set in sets)
        {
            long size = DeploymentMath.Replicas(set);
            long before = long.TryParse(set.Body.Annotations().Str(DeploymentMath.MaxReplicas), NumberStyles.None, CultureInfo.InvariantCulture, out long most) && most > 0 ? most : total;
            long share = (long)Math.Round((double)(size * allowed) / before, MidpointRounding.AwayFromZero) - size;
            share = toAdd > 0 ? Math.Min(share, toAdd - added) : Math.Max(share, toAdd - added);
            sizes.Add(size + share);
            added += share;
        }
        sizes[0] = Math.Max(0, sizes[0] + toAdd - added);
        for (int i = 0; i < sets.Count; i++)
            ScaleTo(deployment, sets[i], sizes[i]);
    }

    private static IEnumerable<StoredObject> Oldest(IEnumerable<StoredObject> sets) => sets
        .OrderBy(set => set.Body.Str("metadata", "creationTimestamp"), StringComparer.Ordinal)
        .ThenBy(set => DeploymentMath.RevisionOf(set) ?? 0);
}
