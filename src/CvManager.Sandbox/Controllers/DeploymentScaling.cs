using System.Globalization;
using System.Text.Json.Nodes;
using CvManager.Sandbox.Json;
using CvManager.Sandbox.Kinds;
using CvManager.Sandbox.Storage;

namespace CvManager.Sandbox.Controllers;

/// <summary>Moves replicas between a Deployment's ReplicaSets.</summary>
internal sealed class DeploymentScaling(PodControl pods)
{
    private static ResourceType Sets => BuiltInKinds.ReplicaSets;

    public static void SetReplicaAnnotations(JsonObject annotations, StoredObject deployment)
    {
        var replicas = DeploymentMath.Replicas(deployment);
        annotations[DeploymentMath.DesiredReplicas] = replicas.ToString(CultureInfo.InvariantCulture);
        annotations[DeploymentMath.MaxReplicas] = (replicas + DeploymentMath.MaxSurge(deployment)).ToString(CultureInfo.InvariantCulture);
    }

    /// <returns>True if the number of replicas changed.</returns>
    public bool ScaleTo(StoredObject deployment, StoredObject set, long replicas)
    {
        set = pods.Cluster.Store.Table(Sets).Find(set.Namespace, set.Name) ?? set;
        var before = DeploymentMath.Replicas(set);
        pods.Cluster.Update(
            Sets,
            set,
            body =>
            {
                body.Ensure("spec")["replicas"] = replicas;
                SetReplicaAnnotations(body.Ensure("metadata", "annotations"), deployment);
            }
        );
        if (before == replicas)
            return false;
        pods.Events.Normal(
            BuiltInKinds.Deployments,
            deployment,
            DeploymentController.Component,
            "ScalingReplicaSet",
            $"Scaled {(replicas > before ? "up" : "down")} replica set {set.Name} from {before} to {replicas}"
        );
        return true;
    }

    public bool ScaleToZero(StoredObject deployment, IEnumerable<StoredObject> sets)
    {
        var any = false;
        foreach (var set in sets.Where(set => DeploymentMath.Replicas(set) > 0))
            any |= ScaleTo(deployment, set, 0);
        return any;
    }

    /// <summary>Scales the new replica set up as far as maxSurge allows.</summary>
    public bool ScaleUpNew(StoredObject deployment, StoredObject newSet, IReadOnlyCollection<StoredObject> old)
    {
        var desired = DeploymentMath.Replicas(deployment);
        var current = DeploymentMath.Replicas(newSet);
        if (current == desired)
            return false;
        if (current > desired)
            return ScaleTo(deployment, newSet, desired);
        var headroom = desired + DeploymentMath.MaxSurge(deployment) - current - DeploymentMath.Replicas(old);
        return headroom > 0 && ScaleTo(deployment, newSet, current + Math.Min(headroom, desired - current));
    }

    /// <summary>Scales the old replica sets down as far as maxUnavailable allows, unavailable replicas first.</summary>
    public bool ScaleDownOld(StoredObject deployment, StoredObject newSet, List<StoredObject> old)
    {
        var oldReplicas = DeploymentMath.Replicas(old);
        if (oldReplicas == 0)
            return false;
        var total = oldReplicas + DeploymentMath.Replicas(newSet);
        var minAvailable = DeploymentMath.Replicas(deployment) - DeploymentMath.MaxUnavailable(deployment);
        var newUnavailable = DeploymentMath.Replicas(newSet) - DeploymentMath.Status(newSet, "availableReplicas");
        var excess = total - minAvailable - newUnavailable;
        if (excess <= 0)
            return false;
        long scaledDown = 0;
        foreach (var set in Oldest(old))
        {
            var unhealthy = Math.Min(DeploymentMath.Replicas(set) - DeploymentMath.Status(set, "availableReplicas"), excess - scaledDown);
            if (unhealthy > 0 && ScaleTo(deployment, set, DeploymentMath.Replicas(set) - unhealthy))
                scaledDown += unhealthy;
        }
        old = [.. old.Select(set => pods.Cluster.Store.Table(Sets).Find(set.Namespace, set.Name)).OfType<StoredObject>()];
        newSet = pods.Cluster.Store.Table(Sets).Find(newSet.Namespace, newSet.Name)!;
        var surplus = old.Append(newSet).Sum(set => DeploymentMath.Status(set, "availableReplicas")) - minAvailable;
        foreach (var set in Oldest(old))
        {
            var step = Math.Min(DeploymentMath.Replicas(set), surplus);
            if (step > 0 && ScaleTo(deployment, set, DeploymentMath.Replicas(set) - step))
            {
                surplus -= step;
                scaledDown += step;
            }
        }
        return scaledDown > 0;
    }

    /// <summary>Scales all active sets proportionally, after a change of spec.replicas or while paused.</summary>
    public void Scale(StoredObject deployment, StoredObject? newSet, List<StoredObject> old)
    {
        var desired = DeploymentMath.Replicas(deployment);
        var all = newSet is null ? old : [.. old, newSet];
        var active = all.Where(set => DeploymentMath.Replicas(set) > 0).ToList();
        if (active.Count <= 1)
        {
            var only = active.FirstOrDefault() ?? newSet ?? Oldest(old).LastOrDefault();
            if (only is not null)
                ScaleTo(deployment, only, desired);
            return;
        }
        if (
            newSet is not null
            && DeploymentMath.Replicas(newSet) == desired
            && DeploymentMath.Status(newSet, "availableReplicas") == desired
        )
        {
            ScaleToZero(deployment, old);
            return;
        }
        if (DeploymentMath.IsRolling(deployment))
            ScaleProportionally(deployment, active, desired > 0 ? desired + DeploymentMath.MaxSurge(deployment) : 0);
    }

    private void ScaleProportionally(StoredObject deployment, List<StoredObject> active, long allowed)
    {
        var total = DeploymentMath.Replicas(active);
        var toAdd = allowed - total;
        // The first set absorbs the rounding remainder: the largest, and of equal ones the newest when scaling up, else the oldest.
        var sets =
            toAdd > 0
                ? active
                    .OrderByDescending(DeploymentMath.Replicas)
                    .ThenByDescending(set => set.Body.Str("metadata", "creationTimestamp"), StringComparer.Ordinal)
                    .ToList()
                :
                [
                    .. active
                        .OrderByDescending(DeploymentMath.Replicas)
                        .ThenBy(set => set.Body.Str("metadata", "creationTimestamp"), StringComparer.Ordinal),
                ];
        long added = 0;
        var sizes = new List<long>();
        foreach (var set in sets)
        {
            var size = DeploymentMath.Replicas(set);
            var before =
                long.TryParse(
                    set.Body.Annotations().Str(DeploymentMath.MaxReplicas),
                    NumberStyles.None,
                    CultureInfo.InvariantCulture,
                    out var recordedMax
                )
                && recordedMax > 0
                    ? recordedMax
                    : total;
            var share = (long)Math.Round((double)(size * allowed) / before, MidpointRounding.AwayFromZero) - size;
            share = toAdd > 0 ? Math.Min(share, toAdd - added) : Math.Max(share, toAdd - added);
            sizes.Add(size + share);
            added += share;
        }
        sizes[0] = Math.Max(0, sizes[0] + toAdd - added);
        for (var i = 0; i < sets.Count; i++)
            ScaleTo(deployment, sets[i], sizes[i]);
    }

    private static IEnumerable<StoredObject> Oldest(IEnumerable<StoredObject> sets) =>
        sets.OrderBy(set => set.Body.Str("metadata", "creationTimestamp"), StringComparer.Ordinal)
            .ThenBy(set => DeploymentMath.RevisionOf(set) ?? 0);
}
