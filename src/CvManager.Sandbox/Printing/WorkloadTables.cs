using System.Text.Json.Nodes;
using CvManager.Sandbox.Json;
using CvManager.Sandbox.Selectors;
using static CvManager.Sandbox.Printing.TableLayout;

namespace CvManager.Sandbox.Printing;

/// <summary>The table columns of workloads, the same as the API server's.</summary>
internal static class WorkloadTables
{
    public static TableLayout Deployments { get; } =
        new(
            Name,
            Text("Ready", item => $"{item.Int("status", "readyReplicas") ?? 0}/{item.Int("spec", "replicas") ?? 0}"),
            Number("Up-to-date", item => item.Int("status", "updatedReplicas")),
            Number("Available", item => item.Int("status", "availableReplicas")),
            Age,
            Containers,
            Images,
            Selector
        );

    public static TableLayout ReplicaSets { get; } =
        new(
            Name,
            Number("Desired", item => item.Int("spec", "replicas")),
            Number("Current", item => item.Int("status", "replicas")),
            Number("Ready", item => item.Int("status", "readyReplicas")),
            Age,
            Containers,
            Images,
            Selector
        );

    public static TableLayout StatefulSets { get; } =
        new(
            Name,
            Text("Ready", item => $"{item.Int("status", "readyReplicas") ?? 0}/{item.Int("spec", "replicas") ?? 0}"),
            Age,
            Containers,
            Images
        );

    public static TableLayout DaemonSets { get; } =
        new(
            Name,
            Number("Desired", item => item.Int("status", "desiredNumberScheduled")),
            Number("Current", item => item.Int("status", "currentNumberScheduled")),
            Number("Ready", item => item.Int("status", "numberReady")),
            Number("Up-to-date", item => item.Int("status", "updatedNumberScheduled")),
            Number("Available", item => item.Int("status", "numberAvailable")),
            Text("Node Selector", item => Labels(item.Obj("spec", "template", "spec", "nodeSelector"))),
            Age,
            Containers,
            Images,
            Selector
        );

    public static TableLayout Jobs { get; } =
        new(
            Name,
            Text("Status", JobStatus),
            Text("Completions", JobCompletions),
            new TableColumn("Duration", "string", (item, now) => JobDuration(item, now)),
            Age,
            Containers,
            Images,
            Selector
        );

    public static TableLayout CronJobs { get; } =
        new(
            Name,
            Text("Schedule", item => item.Str("spec", "schedule")),
            Text("Timezone", item => item.Str("spec", "timeZone") is { Length: > 0 } zone ? zone : "<none>"),
            Text("Suspend", item => item.Bool("spec", "suspend") ? "True" : "False"),
            Number("Active", item => item.Arr("status", "active")?.Count),
            new TableColumn(
                "Last Schedule",
                "string",
                (item, now) => item.At("status", "lastScheduleTime") is JsonNode time ? Durations.Since(time, now) : "<none>"
            ),
            Age,
            Text("Containers", item => Join(item.Obj("spec", "jobTemplate", "spec"), "name"), wide: true),
            Text("Images", item => Join(item.Obj("spec", "jobTemplate", "spec"), "image"), wide: true),
            Text("Selector", item => Selected(item.Obj("spec", "jobTemplate", "spec", "selector")), wide: true)
        );

    public static TableLayout ControllerRevisions { get; } =
        new(
            Name,
            Text(
                "Controller",
                item =>
                    item.ControllerRef() is JsonObject owner
                        ? $"{owner.Str("kind").ToLowerInvariant()}.{owner.Str("apiVersion").Split('/')[0]}/{owner.Str("name")}"
                        : "<none>"
            ),
            Number("Revision", item => item.Int("revision")),
            Age
        );

    private static TableColumn Containers => Text("Containers", item => Join(item.Obj("spec"), "name"), wide: true);

    private static TableColumn Images => Text("Images", item => Join(item.Obj("spec"), "image"), wide: true);

    private static TableColumn Selector => Text("Selector", item => Selected(item.Obj("spec", "selector")), wide: true);

    internal static string Labels(JsonObject? labels) =>
        labels is null or { Count: 0 }
            ? "<none>"
            : string.Join(
                ",",
                labels.OrderBy(pair => pair.Key, StringComparer.Ordinal).Select(pair => $"{pair.Key}={pair.Value.AsText()}")
            );

    private static string Join(JsonObject? spec, string field) =>
        string.Join(",", spec.Items("template", "spec", "containers").Select(container => container.Str(field)));

    private static string Selected(JsonObject? selector) =>
        LabelSelector.FromObject(selector) is { IsEverything: false } found ? found.ToString() : "<none>";

    private static string JobStatus(JsonObject item)
    {
        foreach (var condition in item.Items("status", "conditions"))
        {
            if (
                condition.Str("status") == "True"
                && condition.Str("type") is "Complete" or "Failed" or "Suspended" or "FailureTarget" or "SuccessCriteriaMet"
            )
                return condition.Str("type");
        }
        return item.IsDeleting() ? "Terminating" : "Running";
    }

    private static string JobCompletions(JsonObject item)
    {
        var succeeded = item.Int("status", "succeeded") ?? 0;
        if (item.Int("spec", "completions") is long completions)
            return $"{succeeded}/{completions}";
        var parallelism = item.Int("spec", "parallelism") ?? 0;
        return parallelism > 1 ? $"{succeeded}/1 of {parallelism}" : $"{succeeded}/1";
    }

    private static string JobDuration(JsonObject item, DateTimeOffset now)
    {
        if (Timestamps.Parse(item.At("status", "startTime")) is not DateTimeOffset start)
            return "";
        return Durations.Human((Timestamps.Parse(item.At("status", "completionTime")) ?? now) - start);
    }
}
