using System.Text.Json.Nodes;
using CvManager.Sandbox.Json;
using CvManager.Sandbox.Storage;

namespace CvManager.Sandbox.Controllers;

/// <summary>Computes the status of a Deployment from its replica sets and its previous status.</summary>
internal sealed class DeploymentProgress(StoredObject deployment, StoredObject? newSet, IReadOnlyCollection<StoredObject> sets)
{
    private readonly JsonObject _before = deployment.Body.Obj("status") ?? [];

    /// <summary>When the progress deadline expires; null if the rollout is complete, paused or has already exceeded it.</summary>
    public static DateTimeOffset? Deadline(StoredObject deployment)
    {
        var condition = DeploymentConditions.Find(deployment.Body["status"], DeploymentConditions.Progressing);
        if (
            condition is null
            || deployment.Body.Int("spec", "progressDeadlineSeconds") is not long seconds
            || condition.Str("reason")
                is DeploymentConditions.NewReplicaSetAvailable
                    or DeploymentConditions.ProgressDeadlineExceeded
                    or DeploymentConditions.DeploymentPaused
        )
            return null;
        return (Timestamps.Parse(condition["lastUpdateTime"]) ?? DateTimeOffset.MaxValue - TimeSpan.FromDays(1))
            + TimeSpan.FromSeconds(seconds);
    }

    /// <summary>Replica counts and availability; the Progressing condition is unchanged.</summary>
    public JsonObject WithoutProgress(DateTimeOffset now)
    {
        var desired = DeploymentMath.Replicas(deployment);
        var available = sets.Sum(set => DeploymentMath.Status(set, "availableReplicas"));
        var status = new JsonObject { ["observedGeneration"] = deployment.Body.Int("metadata", "generation") ?? 0 };
        Set("replicas", sets.Sum(set => DeploymentMath.Status(set, "replicas")));
        Set("updatedReplicas", DeploymentMath.Status(newSet, "replicas"));
        Set("readyReplicas", sets.Sum(set => DeploymentMath.Status(set, "readyReplicas")));
        Set("availableReplicas", available);
        Set("unavailableReplicas", Math.Max(0, DeploymentMath.Replicas(sets) - available));
        if (_before["conditions"] is JsonArray conditions)
            status["conditions"] = conditions.DeepClone();
        if (_before["collisionCount"] is JsonNode collisions)
            status["collisionCount"] = collisions.DeepClone();
        if (available >= desired - DeploymentMath.MaxUnavailable(deployment))
        {
            DeploymentConditions.Set(
                status,
                DeploymentConditions.Available,
                "True",
                "MinimumReplicasAvailable",
                "Deployment has minimum availability.",
                Timestamps.Format(now)
            );
        }
        else
        {
            DeploymentConditions.Set(
                status,
                DeploymentConditions.Available,
                "False",
                "MinimumReplicasUnavailable",
                "Deployment does not have minimum availability.",
                Timestamps.Format(now)
            );
        }
        return status;

        void Set(string name, long value)
        {
            if (value > 0)
                status[name] = value;
        }
    }

    public JsonObject WithProgress(DateTimeOffset now)
    {
        var status = WithoutProgress(now);
        if (deployment.Body.Int("spec", "progressDeadlineSeconds") is not long deadline)
        {
            DeploymentConditions.Remove(status, DeploymentConditions.Progressing);
            return status;
        }
        var condition = DeploymentConditions.Find(status, DeploymentConditions.Progressing);
        var wasComplete =
            status.Int("replicas") == status.Int("updatedReplicas")
            && condition.Str("reason") == DeploymentConditions.NewReplicaSetAvailable;
        if (wasComplete)
            return status;
        var subject = newSet is null ? $"Deployment \"{deployment.Name}\"" : $"ReplicaSet \"{newSet.Name}\"";
        if (IsComplete(status))
        {
            DeploymentConditions.Set(
                status,
                DeploymentConditions.Progressing,
                "True",
                DeploymentConditions.NewReplicaSetAvailable,
                $"{subject} has successfully progressed.",
                Timestamps.Format(now)
            );
        }
        else if (HasProgressed(status))
        {
            // Every step renews lastUpdateTime, from which the deadline is measured.
            DeploymentConditions.Set(
                status,
                DeploymentConditions.Progressing,
                "True",
                DeploymentConditions.ReplicaSetUpdated,
                $"{subject} is progressing.",
                Timestamps.Format(now),
                refresh: true
            );
        }
        else if (HasTimedOut(condition, deadline, now))
        {
            DeploymentConditions.Set(
                status,
                DeploymentConditions.Progressing,
                "False",
                DeploymentConditions.ProgressDeadlineExceeded,
                $"{subject} has timed out progressing.",
                Timestamps.Format(now)
            );
        }
        return status;
    }

    public bool IsComplete(JsonObject status)
    {
        var desired = DeploymentMath.Replicas(deployment);
        return (status.Int("updatedReplicas") ?? 0) == desired
            && (status.Int("replicas") ?? 0) == desired
            && (status.Int("availableReplicas") ?? 0) == desired
            && (status.Int("observedGeneration") ?? 0) >= (deployment.Body.Int("metadata", "generation") ?? 0);
    }

    private bool HasProgressed(JsonObject status)
    {
        long Number(JsonObject of, string name) => of.Int(name) ?? 0;
        return Number(status, "updatedReplicas") > Number(_before, "updatedReplicas")
            || Number(status, "replicas") - Number(status, "updatedReplicas")
                < Number(_before, "replicas") - Number(_before, "updatedReplicas")
            || Number(status, "readyReplicas") > Number(_before, "readyReplicas")
            || Number(status, "availableReplicas") > Number(_before, "availableReplicas");
    }

    private static bool HasTimedOut(JsonObject? condition, long seconds, DateTimeOffset now)
    {
        if (condition is null || condition.Str("reason") == DeploymentConditions.NewReplicaSetAvailable)
            return false;
        if (condition.Str("reason") == DeploymentConditions.ProgressDeadlineExceeded)
            return true;
        return Timestamps.Parse(condition["lastUpdateTime"]) is DateTimeOffset from && from + TimeSpan.FromSeconds(seconds) < now;
    }
}
