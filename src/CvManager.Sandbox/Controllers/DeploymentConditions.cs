using System.Text.Json.Nodes;
using CvManager.Sandbox.Json;

namespace CvManager.Sandbox.Controllers;

/// <summary>The conditions of Deployments: types, reasons, and updates of their timestamps.</summary>
internal static class DeploymentConditions
{
    public const string Available = nameof(Available);
    public const string Progressing = nameof(Progressing);

    public const string NewReplicaSetCreated = nameof(NewReplicaSetCreated);
    public const string FoundNewReplicaSet = nameof(FoundNewReplicaSet);
    public const string ReplicaSetUpdated = nameof(ReplicaSetUpdated);
    public const string NewReplicaSetAvailable = nameof(NewReplicaSetAvailable);
    public const string ProgressDeadlineExceeded = nameof(ProgressDeadlineExceeded);
    public const string DeploymentPaused = nameof(DeploymentPaused);
    public const string DeploymentResumed = nameof(DeploymentResumed);

    public static JsonObject? Find(JsonNode? status, string type) =>
        status.Items("conditions").FirstOrDefault(condition => condition.Str("type") == type);

    /// <summary>Sets a condition, unless status and reason are unchanged. The transition time changes only with the status.</summary>
    public static void Set(JsonObject status, string type, string value, string reason, string message, string now, bool refresh = false)
    {
        var before = Find(status, type);
        if (before is not null && before.Str("status") == value && before.Str("reason") == reason && !refresh)
            return;
        var condition = new JsonObject
        {
            ["type"] = type,
            ["status"] = value,
            ["lastUpdateTime"] = now,
            ["lastTransitionTime"] = before.Str("status") == value ? before.Str("lastTransitionTime") : now,
            ["reason"] = reason,
            ["message"] = message,
        };
        var conditions = status["conditions"] as JsonArray ?? [];
        if (before is not null)
            conditions.Remove(before);
        conditions.Add((JsonNode)condition);
        if (conditions.Parent is null)
            status["conditions"] = conditions;
    }

    public static void Remove(JsonObject status, string type)
    {
        if (Find(status, type) is not JsonObject condition)
            return;
        var conditions = (JsonArray)status["conditions"]!;
        conditions.Remove(condition);
        if (conditions.Count == 0)
            status.Remove("conditions");
    }
}
