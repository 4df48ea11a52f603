using System.Text.Json.Nodes;
using CvManager.Resources;

namespace CvManager.Workloads;

/// <summary>How a kind gets another image (R4).</summary>
public enum Delivery
{
    /// <summary>The pod template's image is patched, and the kind's own controller does the rest.</summary>
    PatchTemplate,

    /// <summary>The template is patched, and then its pods are replaced one by one by us.</summary>
    PatchTemplateAndReplacePods,

    /// <summary>Its template cannot be changed: it is deleted and created anew, when it is not active.</summary>
    Recreate,
}

/// <summary>One of the seven kinds: where its parts are, and when it is done. Stateless, thread-safe.</summary>
/// <remarks>What depends on the kind is in its class and nowhere else.</remarks>
public abstract class WorkloadKind
{
    public static IReadOnlyList<WorkloadKind> All { get; } =
    [
        new DeploymentKind(), new StatefulSetKind(), new DaemonSetKind(), new ReplicaSetKind(), new PodKind(), new JobKind(), new CronJobKind(),
    ];

    public abstract string Name { get; }

    /// <summary>Empty for the core group.</summary>
    public abstract string Group { get; }

    /// <summary>The versions that can be used, the best first.</summary>
    public virtual IReadOnlyList<string> Versions => ["v1"];

    public abstract string Plural { get; }

    /// <summary>The names that lead to the pod's specification.</summary>
    public virtual IReadOnlyList<string> PodSpecPath => ["spec", "template", "spec"];

    /// <summary>True where spec.replicas says how many pods there are.</summary>
    public virtual bool IsScalable => false;

    public virtual Delivery Delivery => Delivery.PatchTemplate;

    /// <summary>Whether its pods come and go by a controller, and so may be looked at for evidence of trouble.</summary>
    public virtual bool HasPods => true;

    public static WorkloadKind Find(string name) => All.FirstOrDefault(k => k.Name == name)
        ?? throw new ArgumentException($"{name} is not a supported workload kind.", nameof(name));

    /// <summary>Takes what decisions need from an object of this kind.</summary>
    /// <param name="json">As the API server writes it; an object out of a list says neither its kind nor its version.</param>
    /// <param name="version">The API version that it was read in; null for the best one.</param>
    public Workload Read(JsonObject json, string? version = null)
    {
        JsonNode? podSpec = json.At([.. PodSpecPath]);
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
            PodLabels = PodSpecPath.Count == 1 ? json.Map("metadata", "labels") : json.At([.. PodSpecPath.SkipLast(1)]).Map("metadata", "labels"),
            ImagePullSecrets = [.. podSpec.Items("imagePullSecrets").Select(s => s.Text("name")).OfType<string>()],
            ServiceAccount = podSpec.Text("serviceAccountName") ?? "default",
            PodSelector = PodSelector(json),
            DesiredPods = DesiredPods(json),
            AvailablePods = AvailablePods(json),
            UpdatedPods = UpdatedPods(json),
            ReadyPods = ReadyPods(json),
            Controller = json.Items("metadata", "ownerReferences").Where(o => o.Flag("controller"))
                .Select(o => $"{o.Text("kind")}/{o.Text("name")}").FirstOrDefault(),
            Progress = Progress(json),
            IsObserved = IsObserved(json),
            IsFinished = IsFinished(json),
            DeadlineExceeded = DeadlineExceeded(json),
            Revision = Revision(json),
            Partition = json.Number("spec", "updateStrategy", "rollingUpdate", "partition") ?? 0,
        };
    }

    /// <summary>The JSON pointer of a container's list.</summary>
    public string ContainersPointer(bool init) => $"/{string.Join('/', PodSpecPath)}/{(init ? "initContainers" : "containers")}";

    /// <summary>Pure: how far the object has got with the specification that it has.</summary>
    public abstract WorkloadProgress Progress(JsonObject json);

    protected abstract int? DesiredPods(JsonObject json);

    protected abstract int AvailablePods(JsonObject json);

    /// <summary>By the name that most kinds have for it; the API server leaves a zero out.</summary>
    protected virtual int? UpdatedPods(JsonObject json) => json.Number("status", "updatedReplicas") ?? 0;

    protected virtual int? ReadyPods(JsonObject json) => json.Number("status", "readyReplicas") ?? 0;

    /// <summary>True once the kind's controller has seen the present specification.</summary>
    protected static bool IsObserved(JsonObject json) => json.Long("status", "observedGeneration") >= json.Long("metadata", "generation");

    protected virtual bool IsFinished(JsonObject json) => false;

    protected virtual DeadlineExceeded? DeadlineExceeded(JsonObject json) => null;

    protected virtual PodRevision? Revision(JsonObject json) => null;

    /// <summary>Waiting, or blocked where the kind's controller says that it cannot create pods, or the ReplicaSet for them.</summary>
    protected static WorkloadProgress WaitingForPods(JsonObject json, string message) =>
        json.Items("status", "conditions").FirstOrDefault(c => (c.Text("type") == "ReplicaFailure" && c.Text("status") == "True") || c.Text("reason") == "ReplicaSetCreateError") is { } failure
            ? WorkloadProgress.Blocked(ConditionReasons.PodsNotCreated, $"{message}; pods cannot be created: {PodEvidence.Shown(failure.Text("message") ?? failure.Text("reason"))}")
            : WorkloadProgress.Waiting(message);

    /// <summary>spec.selector in the form that a list request takes.</summary>
    private static string PodSelector(JsonObject json)
    {
        IEnumerable<string> labels = json.Map("spec", "selector", "matchLabels").Select(l => $"{l.Key}={l.Value}");
        IEnumerable<string> expressions = json.Items("spec", "selector", "matchExpressions").Select(e =>
        {
            string values = string.Join(',', (e["values"] as JsonArray)?.Select(v => v?.ToString()) ?? []);
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
        podSpec.Items(list).Select((c, i) =>
        {
            string name = c.Text("name") ?? "";
            JsonObject? status = PodSpecPath.Count > 1 ? null : json.Items("status", init ? "initContainerStatuses" : "containerStatuses").FirstOrDefault(s => s.Text("name") == name);
            return new WorkloadContainer(name, c.Text("image") ?? "", init, i, ImageManager(json, list, name))
            {
                ImageId = status.Text("imageID") ?? "", RunningImage = status.Text("image") ?? "", Restarts = status.Number("restartCount") ?? 0,
            };
        });

    /// <summary>Who wrote a container's image last, from managedFields (R3 names them).</summary>
    private string? ImageManager(JsonObject json, string list, string container)
    {
        string[] path = ["fieldsV1", .. PodSpecPath.Select(p => "f:" + p), "f:" + list, $$"""k:{"name":"{{container}}"}""", "f:image"];
        return json.Items("metadata", "managedFields").Where(m => m.At(path) is not null)
            .OrderBy(m => m.Text("time"), StringComparer.Ordinal).LastOrDefault()?.Text("manager");
    }
}
