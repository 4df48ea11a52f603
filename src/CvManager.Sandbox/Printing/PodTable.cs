using System.Text.Json.Nodes;
using CvManager.Sandbox.Json;
using static CvManager.Sandbox.Printing.TableLayout;

namespace CvManager.Sandbox.Printing;

/// <summary>The table columns of pods. Status is computed from phase, conditions and container states as in the API server.</summary>
internal static class PodTable
{
    public static TableLayout Layout { get; } =
        new(
            Name,
            Text(
                "Ready",
                item =>
                    $"{item.Items("status", "containerStatuses").Count(status => status.Bool("ready") && status.Obj("state", "running") is not null)}/{item.Arr("spec", "containers")?.Count ?? 0}"
            ),
            Text("Status", Status),
            new TableColumn("Restarts", "string", (item, now) => Restarts(item, now)),
            Age,
            Text("IP", item => OrNone(item.Str("status", "podIP")), wide: true),
            Text("Node", item => OrNone(item.Str("spec", "nodeName")), wide: true),
            Text("Nominated Node", item => OrNone(item.Str("status", "nominatedNodeName")), wide: true),
            Text("Readiness Gates", Gates, wide: true)
        );

    private static string OrNone(string text) => text.Length == 0 ? "<none>" : text;

    private static string Gates(JsonObject item)
    {
        var gates = item.Items("spec", "readinessGates").Select(gate => gate.Str("conditionType")).ToList();
        if (gates.Count == 0)
            return "<none>";
        var met = item.Items("status", "conditions")
            .Count(condition => gates.Contains(condition.Str("type")) && condition.Str("status") == "True");
        return $"{met}/{gates.Count}";
    }

    private static string Restarts(JsonObject item, DateTimeOffset now)
    {
        long restarts = 0;
        DateTimeOffset? last = null;
        var initializing = Initializing(item) is not null;
        foreach (var status in item.Items("status", initializing ? "initContainerStatuses" : "containerStatuses"))
        {
            restarts += status.Int("restartCount") ?? 0;
            if (
                Timestamps.Parse(status.At("lastState", "terminated", "finishedAt")) is DateTimeOffset finished
                && (last is null || finished > last)
            )
                last = finished;
        }
        return restarts > 0 && last is not null ? $"{restarts} ({Durations.Human(now - last.Value)} ago)" : $"{restarts}";
    }

    /// <summary>The status of the init containers; null if they have completed.</summary>
    private static string? Initializing(JsonObject item)
    {
        var total = item.Arr("spec", "initContainers")?.Count ?? 0;
        var index = 0;
        foreach (var status in item.Items("status", "initContainerStatuses"))
        {
            var terminated = status.Obj("state", "terminated");
            if (terminated is not null && terminated.Int("exitCode") == 0)
            {
                index++;
                continue;
            }
            if (terminated is not null)
            {
                return "Init:" + (terminated.Str("reason") is { Length: > 0 } reason ? reason : $"ExitCode:{terminated.Int("exitCode")}");
            }
            return status.Str("state", "waiting", "reason") is { Length: > 0 } waiting and not "PodInitializing"
                ? "Init:" + waiting
                : $"Init:{index}/{total}";
        }
        return null;
    }

    private static string Status(JsonObject item)
    {
        var reason = item.Str("status", "reason") is { Length: > 0 } given ? given : item.Str("status", "phase");
        if (Initializing(item) is string initializing)
        {
            reason = initializing;
        }
        else
        {
            var running = false;
            foreach (var status in item.Items("status", "containerStatuses").Reverse())
            {
                var terminated = status.Obj("state", "terminated");
                if (status.Str("state", "waiting", "reason") is { Length: > 0 } waiting)
                    reason = waiting;
                else if (terminated is not null)
                    reason = terminated.Str("reason") is { Length: > 0 } terminatedReason
                        ? terminatedReason
                        : $"ExitCode:{terminated.Int("exitCode")}";
                else if (status.Bool("ready") && status.Obj("state", "running") is not null)
                    running = true;
            }
            if (reason == "Completed" && running)
            {
                var ready = item.Items("status", "conditions")
                    .Any(condition => condition.Str("type") == "Ready" && condition.Str("status") == "True");
                reason = ready ? "Running" : "NotReady";
            }
        }
        if (item.IsDeleting())
            return item.Str("status", "reason") == "NodeLost" ? "Unknown" : "Terminating";
        return reason;
    }
}
