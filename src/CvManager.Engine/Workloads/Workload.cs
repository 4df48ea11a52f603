namespace CvManager.Workloads;

/// <summary>What a workload looked like when it was read: no more of it than decisions need. Immutable.</summary>
public sealed record Workload
{
    public required string Kind { get; init; }

    /// <summary>The version of the kind's API group that the cluster serves.</summary>
    public required string ApiVersion { get; init; }

    public required string Namespace { get; init; }

    public required string Name { get; init; }

    public required string Uid { get; init; }

    /// <summary>Which state of the object this is; opaque but for being equal or not.</summary>
    public string ResourceVersion { get; init; } = "";

    public long Generation { get; init; }

    public IReadOnlyDictionary<string, string> Labels { get; init; } = new Dictionary<string, string>();

    /// <summary>Containers of the pod template, then its init containers, each in the template's order.</summary>
    public IReadOnlyList<WorkloadContainer> Containers { get; init; } = [];

    /// <summary>A label selector for its pods; empty where it has none of its own to be found by.</summary>
    public string PodSelector { get; init; } = "";

    /// <summary>The labels of its pods: what a Service selects by.</summary>
    public IReadOnlyDictionary<string, string> PodLabels { get; init; } = new Dictionary<string, string>();

    /// <summary>The Secrets that its pods pull images with.</summary>
    public IReadOnlyList<string> ImagePullSecrets { get; init; } = [];

    /// <summary>The service account of its pods, which may name further such Secrets.</summary>
    public string ServiceAccount { get; init; } = "default";

    /// <summary>Null where the kind has no such number (a CronJob).</summary>
    public int? DesiredPods { get; init; }

    public int AvailablePods { get; init; }

    /// <summary>Pods of its present specification; null where the kind has no such number.</summary>
    public int? UpdatedPods { get; init; }

    /// <summary>Null where the kind has no such number.</summary>
    public int? ReadyPods { get; init; }

    /// <summary>kind/name of the controller that owns it; such an object is left to that controller (R4). Null for none.</summary>
    public string? Controller { get; init; }

    /// <summary>How far its present specification has been rolled out.</summary>
    public WorkloadProgress Progress { get; init; } = WorkloadProgress.Done("");

    /// <summary>True once its controller has seen its present specification.</summary>
    public bool IsObserved { get; init; } = true;

    /// <summary>True for a Pod that has ended: it does not run again, whatever its image.</summary>
    public bool IsFinished { get; init; }

    /// <summary>Its own controller has given up; null where it has not, and for the kinds that do not say so. It may be about a former specification.</summary>
    public DeadlineExceeded? DeadlineExceeded { get; init; }

    /// <summary>What tells pods of its present specification from others, by a label; null where no label does.</summary>
    public PodRevision? Revision { get; init; }

    /// <summary>The lowest pod of a StatefulSet that gets its present specification.</summary>
    public int Partition { get; init; }

    /// <summary>Kind/name, as messages name it.</summary>
    public string Reference => $"{Kind}/{Name}";

    /// <summary>The container or init container of that name; null where there is none.</summary>
    public WorkloadContainer? FindContainer(string name) => Containers.FirstOrDefault(c => c.Name == name);

    /// <summary>True where every label of a selector is on the workload.</summary>
    public bool IsSelectedBy(IReadOnlyDictionary<string, string> selector) =>
        selector.Count > 0 && selector.All(label => Labels.TryGetValue(label.Key, out string? value) && value == label.Value);
}

/// <summary>A container of a pod template.</summary>
/// <param name="Name">Unique in the template.</param>
/// <param name="Image">As it is written there.</param>
/// <param name="IsInit">True for an init container.</param>
/// <param name="Index">Its place in its own list.</param>
/// <param name="ImageManager">The field manager that wrote the image last, where the API server tells.</param>
public sealed record WorkloadContainer(string Name, string Image, bool IsInit, int Index, string? ImageManager = null)
{
    /// <summary>Of a Pod: the image that runs (imageID); empty while none does.</summary>
    public string ImageId { get; init; } = "";

    /// <summary>Of a Pod: the image that runs, as the container runtime names it; some give its own id for one that is named by its digest.</summary>
    public string RunningImage { get; init; } = "";

    /// <summary>Of a Pod: how often it was restarted.</summary>
    public int Restarts { get; init; }
}

/// <summary>The condition that says so (Deployment: Progressing, reason ProgressDeadlineExceeded).</summary>
/// <param name="At">Its lastUpdateTime, as it is written: opaque but for being equal or not.</param>
/// <param name="Message">Names the ReplicaSet that it is about.</param>
public sealed record DeadlineExceeded(string At, string Message);

/// <summary>A label that the pods of one revision carry.</summary>
public sealed record PodRevision(string Label, string Value);

/// <summary>How far a workload has got with its present specification.</summary>
/// <param name="State">Whether it is done.</param>
/// <param name="Message">In words, as <c>kubectl rollout status</c> would say it.</param>
/// <param name="BlockedBy">One of <see cref="Resources.ConditionReasons"/> where it waits for what no version can be blamed for; null otherwise.</param>
public sealed record WorkloadProgress(ProgressState State, string Message, string? BlockedBy = null)
{
    public static WorkloadProgress Done(string message) => new(ProgressState.Done, message);

    public static WorkloadProgress Waiting(string message) => new(ProgressState.Waiting, message);

    public static WorkloadProgress Failed(string message) => new(ProgressState.Failed, message);

    public static WorkloadProgress Blocked(string by, string message) => new(ProgressState.Waiting, message, by);
}

public enum ProgressState
{
    Waiting,
    Done,

    /// <summary>It will not get there.</summary>
    Failed,
}
