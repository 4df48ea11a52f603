namespace CvManager.Workloads;

/// <summary>The state of a workload as read, reduced to what decisions need. Immutable.</summary>
public sealed record Workload
{
    public required string Kind { get; init; }

    /// <summary>The version of the kind's API group that the cluster serves.</summary>
    public required string ApiVersion { get; init; }

    public required string Namespace { get; init; }

    public required string Name { get; init; }

    public required string Uid { get; init; }

    /// <summary>The resourceVersion of the object.</summary>
    public string ResourceVersion { get; init; } = "";

    public long Generation { get; init; }

    public IReadOnlyDictionary<string, string> Labels { get; init; } = new Dictionary<string, string>();

    /// <summary>Containers of the pod template, then its init containers, each in the template's order.</summary>
    public IReadOnlyList<WorkloadContainer> Containers { get; init; } = [];

    /// <summary>A label selector for its pods; empty if the kind has none.</summary>
    public string PodSelector { get; init; } = "";

    /// <summary>The labels of its pods, which Services select.</summary>
    public IReadOnlyDictionary<string, string> PodLabels { get; init; } = new Dictionary<string, string>();

    /// <summary>The image pull Secrets of its pods.</summary>
    public IReadOnlyList<string> ImagePullSecrets { get; init; } = [];

    /// <summary>The service account of its pods, which may reference more pull Secrets.</summary>
    public string ServiceAccount { get; init; } = "default";

    /// <summary>The desired number of pods; null if the kind has none (a CronJob).</summary>
    public int? DesiredPods { get; init; }

    public int AvailablePods { get; init; }

    /// <summary>The number of pods of the current specification; null if the kind does not report it.</summary>
    public int? UpdatedPods { get; init; }

    /// <summary>The number of ready pods; null if the kind does not report it.</summary>
    public int? ReadyPods { get; init; }

    /// <summary>Kind/name of its controller, which manages it instead of us (R4); null for none.</summary>
    public string? Controller { get; init; }

    /// <summary>The progress of the current specification.</summary>
    public WorkloadProgress Progress { get; init; } = WorkloadProgress.Done("");

    /// <summary>True if its controller has observed the current specification.</summary>
    public bool IsObserved { get; init; } = true;

    /// <summary>True for a Pod that has terminated and does not run again.</summary>
    public bool IsFinished { get; init; }

    /// <summary>
    /// The exceeded progress deadline; null if there is none, and for kinds without one. It may belong to an earlier specification.
    /// </summary>
    public DeadlineExceeded? DeadlineExceeded { get; init; }

    /// <summary>The label that identifies pods of the current specification; null if there is none.</summary>
    public PodRevision? Revision { get; init; }

    /// <summary>The lowest ordinal of a StatefulSet's pods that are updated.</summary>
    public int Partition { get; init; }

    /// <summary>Kind/name, as used in messages.</summary>
    public string Reference => $"{Kind}/{Name}";

    /// <summary>The container or init container of that name; null if there is none.</summary>
    public WorkloadContainer? FindContainer(string name) => Containers.FirstOrDefault(c => c.Name == name);

    /// <summary>True if the workload has every label of a selector.</summary>
    public bool IsSelectedBy(IReadOnlyDictionary<string, string> selector) =>
        selector.Count > 0 && selector.All(label => Labels.TryGetValue(label.Key, out var value) && value == label.Value);
}

/// <summary>A container of a pod template.</summary>
/// <param name="Name">Unique in the template.</param>
/// <param name="Image">The image in the template.</param>
/// <param name="IsInit">True for an init container.</param>
/// <param name="Index">The index in its list.</param>
/// <param name="ImageManager">The field manager that last wrote the image; null if unknown.</param>
public sealed record WorkloadContainer(string Name, string Image, bool IsInit, int Index, string? ImageManager = null)
{
    /// <summary>For a Pod: the running image (imageID); empty if not started.</summary>
    public string ImageId { get; init; } = "";

    /// <summary>
    /// For a Pod: the running image as the container runtime names it; some runtimes report an image ID for a digest reference.
    /// </summary>
    public string RunningImage { get; init; } = "";

    /// <summary>For a Pod: the restart count.</summary>
    public int Restarts { get; init; }
}

/// <summary>An exceeded progress deadline (Deployment: condition Progressing with reason ProgressDeadlineExceeded).</summary>
/// <param name="At">The condition's lastUpdateTime as text, only compared for equality.</param>
/// <param name="Message">The condition's message, which names the ReplicaSet.</param>
public sealed record DeadlineExceeded(string At, string Message);

/// <summary>The label of the pods of one revision.</summary>
public sealed record PodRevision(string Label, string Value);

/// <summary>The progress of a workload with its current specification.</summary>
/// <param name="State">The state.</param>
/// <param name="Message">A description, like that of <c>kubectl rollout status</c>.</param>
/// <param name="BlockedBy">
/// One of <see cref="Resources.ConditionReasons"/> if it waits for something that is not the version's fault; otherwise null.
/// </param>
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

    /// <summary>It cannot be completed.</summary>
    Failed,
}
