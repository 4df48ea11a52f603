using System.Text.Json.Nodes;
using CvManager.Resources;

namespace CvManager.Workloads;

/// <summary>How a kind is updated to another image (R4).</summary>
public enum Delivery
{
    /// <summary>We patch the pod template, and the kind's controller does the rest.</summary>
    PatchTemplate,

    /// <summary>We patch the pod template, and then replace the pods one by one.</summary>
    PatchTemplateAndReplacePods,

    /// <summary>The template is immutable: we delete and recreate the object when it is not active.</summary>
    Recreate,
}

/// <summary>One of the seven workload kinds: how to read it, and when it is done. Stateless and thread-safe.</summary>
/// <remarks>Everything that depends on the kind is in its class.</remarks>
public abstract class WorkloadKind
{
    public static IReadOnlyList<WorkloadKind> All { get; } =
    [
        new DeploymentKind(),
        new StatefulSetKind(),
        new DaemonSetKind(),
        new ReplicaSetKind(),
        new PodKind(),
        new JobKind(),
        new CronJobKind(),
    ];

    public abstract string Name { get; }

    /// <summary>Empty for the core group.</summary>
    public abstract string Group { get; }

    /// <summary>The supported API versions, in order of preference.</summary>
    public virtual IReadOnlyList<string> Versions => ["v1"];

    public abstract string Plural { get; }

    /// <summary>The path of the pod specification.</summary>
    public virtual IReadOnlyList<string> PodSpecPath => ["spec", "template", "spec"];

    /// <summary>True if the kind has spec.replicas.</summary>
    public virtual bool IsScalable => false;

    public virtual Delivery Delivery => Delivery.PatchTemplate;

    /// <summary>Whether the kind has pods that can be checked for evidence of trouble.</summary>
    public virtual bool HasPods => true;

    public static WorkloadKind Find(string name) =>
        All.FirstOrDefault(k => k.Name == name) ?? throw new ArgumentException($"{name} is not a supported workload kind.", nameof(name));

    /// <summary>Reads an object of this kind.</summary>
    /// <param name="json">The object; list items contain neither kind nor apiVersion.</param>
    /// <param name="version">The API version in which it was read; null for the preferred one.</param>
    public Workload Read(JsonObject json, string? version = null)
    {
        var podSpec = json.At([.. PodSpecPath]);
        return new Workload
        {
            Kind = Name,
            ApiVersion = version ?? Versions[0],
            Namespace = json.Text("metadata", "namespace") ?? "",
            Name = json.Text("metadata", "name") ?? "",
            Uid = json.Text("metadata", "uid") ?? "",
            ResourceVersion = json.Text("metadata", "resourceVersion") ?? "",
            Generation = json.Long("metadata", "generation"),
            Labels = json.Map("metadata", "labels"),
            Containers = [.. Containers(json, podSpec, "containers", false), .. Containers(json, podSpec, "initContainers", true)],
            PodLabels =
                PodSpecPath.Count == 1 ? json.Map("metadata", "labels") : json.At([.. PodSpecPath.SkipLast(1)]).Map("metadata", "labels"),
            ImagePullSecrets = [.. podSpec.Items("imagePullSecrets").Select(s => s.Text("name")).OfType<string>()],
            ServiceAccount = podSpec.Text("serviceAccountName") ?? "default",
            PodSelector = PodSelector(json),
            DesiredPods = DesiredPods(json),
            AvailablePods = AvailablePods(json),
            UpdatedPods = UpdatedPods(json),
            ReadyPods = ReadyPods(json),
            Controller = json.Items("metadata", "ownerReferences")
                .Where(o => o.Flag("controller"))
                .Select(o => $"{o.Text("kind")}/{o.Text("name")}")
                .FirstOrDefault(),
            Progress = Progress(json),
            IsObserved = IsObserved(json),
            IsFinished = IsFinished(json),
            DeadlineExceeded = DeadlineExceeded(json),
            Revision = Revision(json),
            Partition = json.Number("spec", "updateStrategy", "rollingUpdate", "partition") ?? 0,
        };
    }

    /// <summary>The path of the containers or init containers.</summary>
    public IReadOnlyList<string> ContainersPath(bool init) => [.. PodSpecPath, init ? "initContainers" : "containers"];

    /// <summary>The progress of the object with its current specification. Pure.</summary>
    public abstract WorkloadProgress Progress(JsonObject json);

    protected abstract int? DesiredPods(JsonObject json);

    protected abstract int AvailablePods(JsonObject json);

    /// <summary>The field name of most kinds; the API server omits a zero.</summary>
    protected virtual int? UpdatedPods(JsonObject json) => json.Number("status", "updatedReplicas") ?? 0;

    protected virtual int? ReadyPods(JsonObject json) => json.Number("status", "readyReplicas") ?? 0;

    /// <summary>True if the kind's controller has observed the current specification.</summary>
    protected static bool IsObserved(JsonObject json) => json.Long("status", "observedGeneration") >= json.Long("metadata", "generation");

    protected virtual bool IsFinished(JsonObject json) => false;

    protected virtual DeadlineExceeded? DeadlineExceeded(JsonObject json) => null;

    protected virtual PodRevision? Revision(JsonObject json) => null;

    /// <summary>Waiting, or blocked if the kind's controller reports that it cannot create pods or their ReplicaSet.</summary>
    protected static WorkloadProgress WaitingForPods(JsonObject json, string message) =>
        json.Items("status", "conditions")
            .FirstOrDefault(c =>
                (c.Text("type") == "ReplicaFailure" && c.Text("status") == "True") || c.Text("reason") == "ReplicaSetCreateError"
            )
            is { } failure
            ? WorkloadProgress.Blocked(
                ConditionReasons.PodsNotCreated,
                $"{message}; pods cannot be created: {PodEvidence.Shown(failure.Text("message") ?? failure.Text("reason"))}"
            )
            : WorkloadProgress.Waiting(message);

    /// <summary>spec.selector in the format of a list request.</summary>
    private static string PodSelector(JsonObject json)
    {
        var labels = json.Map("spec", "selector", "matchLabels").Select(l => $"{l.Key}={l.Value}");
        var expressions = json.Items("spec", "selector", "matchExpressions")
            .Select(e =>
            {
                var values = string.Join(',', (e["values"] as JsonArray)?.Select(v => v?.ToString()) ?? []);
                return e.Text("operator") switch
                {
                    "In" => $"{e.Text("key")} in ({values})",
                    "NotIn" => $"{e.Text("key")} notin ({values})",
                    "Exists" => e.Text("key")!,
                    _ => $"!{e.Text("key")}",
                };
            });
        return string.Join(',', labels.Concat(expressions));
    }

    private IEnumerable<WorkloadContainer> Containers(JsonObject json, JsonNode? podSpec, string list, bool init) =>
        podSpec
            .Items(list)
            .Select(
                (c, i) =>
                {
                    var name = c.Text("name") ?? "";
                    var status =
                        PodSpecPath.Count > 1
                            ? null
                            : json.Items("status", init ? "initContainerStatuses" : "containerStatuses")
                                .FirstOrDefault(s => s.Text("name") == name);
                    return new WorkloadContainer(name, c.Text("image") ?? "", init, i, ImageManager(json, list, name))
                    {
                        ImageId = status.Text("imageID") ?? "",
                        RunningImage = status.Text("image") ?? "",
                        Restarts = status.Number("restartCount") ?? 0,
                    };
                }
            );

    /// <summary>The field manager that last wrote a container's image, from managedFields (reported by R3).</summary>
    private string? ImageManager(JsonObject json, string list, string container)
    {
        string[] path = ["fieldsV1", .. PodSpecPath.Select(p => "f:" + p), "f:" + list, $$"""k:{"name":"{{container}}"}""", "f:image"];
        return json.Items("metadata", "managedFields")
            .Where(m => m.At(path) is not null)
            .OrderBy(m => m.Text("time"), StringComparer.Ordinal)
            .LastOrDefault()
            ?.Text("manager");
    }
}
