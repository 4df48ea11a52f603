using System.Text.Json.Nodes;

namespace CvManager.Simulation;

/// <summary>Reads JSON; missing fields are empty.</summary>
internal static class Fields
{
    public static JsonNode? At(JsonNode? node, params ReadOnlySpan<string> path)
    {
        foreach (var name in path)
            node = (node as JsonObject)?[name];
        return node;
    }

    public static string Text(JsonNode? node, params ReadOnlySpan<string> path) => At(node, path)?.ToString() ?? "";

    public static bool IsTrue(JsonNode? node, params ReadOnlySpan<string> path) => Text(node, path) == "true";

    public static long Number(JsonNode? node, params ReadOnlySpan<string> path) =>
        At(node, path) is JsonValue value && value.TryGetValue(out long number) ? number : 0;

    /// <summary>Status, reason and message of a condition of a ContainerVersion.</summary>
    public static (string Status, string Reason, string Message) Condition(JsonNode? resource, string type)
    {
        var found = (At(resource, "status", "conditions") as JsonArray)?.FirstOrDefault(c => Text(c, "type") == type);
        return (Text(found, "status"), Text(found, "reason"), Text(found, "message"));
    }
}

/// <summary>The names that all simulations use.</summary>
internal static class Names
{
    public const string Resources = "containerversions.custom.k8s.io";
    public const string Namespace = "default";
    public const string Repository = "registry.sandbox/app";
    public const string Tag = "demo";
    public const string OtherTag = "prod";
    public const string Container = "main";
    public const string User = "ci";
    public const string Password = "hunter2-hunter2";
    public const string RolloutLabel = "custom.k8s.io/rollout";
    public const string VersionSyntax = "v[0-9]+(-[a-z]+)?";

    public static bool IsFinal(string phase) => phase is "Succeeded" or "Failed" or "RolledBack" or "Superseded";
}
