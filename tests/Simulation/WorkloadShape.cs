using System.Text.Json.Nodes;

namespace CvManager.Simulation;

/// <summary>One of the workload kinds: its paths, and a manifest.</summary>
internal sealed record WorkloadShape(string Kind, string Resource, string Collection, string[] PodSpec)
{
    private static readonly string[] Template = ["spec", "template", "spec"];

    public static IReadOnlyList<WorkloadShape> All { get; } =
    [
        new("Deployment", "deployments.apps", "/apis/apps/v1/namespaces/default/deployments", Template),
        new("StatefulSet", "statefulsets.apps", "/apis/apps/v1/namespaces/default/statefulsets", Template),
        new("DaemonSet", "daemonsets.apps", "/apis/apps/v1/namespaces/default/daemonsets", Template),
        new("ReplicaSet", "replicasets.apps", "/apis/apps/v1/namespaces/default/replicasets", Template),
        new("Job", "jobs.batch", "/apis/batch/v1/namespaces/default/jobs", Template),
        new("CronJob", "cronjobs.batch", "/apis/batch/v1/namespaces/default/cronjobs", ["spec", "jobTemplate", "spec", "template", "spec"]),
        new("Pod", "pods", "/api/v1/namespaces/default/pods", ["spec"]),
    ];

    public bool IsScaled => Kind is "Deployment" or "StatefulSet" or "ReplicaSet";

    public static WorkloadShape? Of(string resource) => All.FirstOrDefault(s => s.Resource == resource);

    /// <summary>The images of an object's containers, by name.</summary>
    public Dictionary<string, string> Images(JsonObject item) =>
        (Fields.At(item, [.. PodSpec, "containers"]) as JsonArray ?? []).ToDictionary(
            c => Fields.Text(c, "name"),
            c => Fields.Text(c, "image"),
            StringComparer.Ordinal
        );

    public string ImagePointer(int container) => $"/{string.Join('/', PodSpec)}/containers/{container}/image";

    public JsonObject Make(string name, string app, string image, int replicas, bool parallel)
    {
        JsonObject pod = new()
        {
            ["terminationGracePeriodSeconds"] = 1,
            ["containers"] = new JsonArray(
                new JsonObject { ["name"] = Names.Container, ["image"] = image },
                new JsonObject { ["name"] = "side", ["image"] = "registry.sandbox/side:v1" }
            ),
        };
        JsonObject labels = new() { ["app"] = name };
        JsonObject template = new()
        {
            ["metadata"] = new JsonObject { ["labels"] = labels.DeepClone() },
            ["spec"] = pod,
        };
        JsonObject spec = new()
        {
            ["selector"] = new JsonObject { ["matchLabels"] = labels },
            ["template"] = template,
        };
        switch (Kind)
        {
            case "Deployment":
                spec["replicas"] = replicas;
                spec["progressDeadlineSeconds"] = 40;
                break;
            case "StatefulSet":
                spec["replicas"] = replicas;
                spec["serviceName"] = name;
                spec["podManagementPolicy"] = parallel ? "Parallel" : "OrderedReady";
                break;
            case "ReplicaSet":
                spec["replicas"] = replicas;
                break;
            case "Job":
                pod["restartPolicy"] = "Never";
                spec = new JsonObject
                {
                    ["backoffLimit"] = 1,
                    ["template"] = new JsonObject { ["spec"] = pod.DeepClone() },
                };
                break;
            case "CronJob":
                pod["restartPolicy"] = "Never";
                spec = new JsonObject
                {
                    ["schedule"] = "*/7 * * * *",
                    ["jobTemplate"] = new JsonObject
                    {
                        ["spec"] = new JsonObject { ["template"] = new JsonObject { ["spec"] = pod.DeepClone() } },
                    },
                };
                break;
            case "Pod":
                spec = (JsonObject)pod.DeepClone();
                break;
        }

        return new JsonObject
        {
            ["metadata"] = new JsonObject
            {
                ["name"] = name,
                ["labels"] = new JsonObject { ["cvapp"] = app },
            },
            ["spec"] = spec,
        };
    }
}
