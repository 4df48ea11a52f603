using CvManager.Workloads;

namespace CvManager.PowerShell;

/// <summary>One followed container of one workload, as Get-CvWorkload shows it.</summary>
public sealed record CvWorkload
{
    public string Namespace { get; init; } = "";

    public string Name { get; init; } = "";

    /// <summary>Deployment, StatefulSet, DaemonSet, ReplicaSet, Pod, Job or CronJob.</summary>
    public string Kind { get; init; } = "";

    /// <summary>The container that the ContainerVersion names.</summary>
    public string Container { get; init; } = "";

    /// <summary>The version in its image; empty where the workload has no such container.</summary>
    public string Version { get; init; } = "";

    public int AvailablePods { get; init; }

    /// <summary>Null where the kind has no such number.</summary>
    public int? DesiredPods { get; init; }

    /// <summary>Name of the ContainerVersion.</summary>
    public string CV { get; init; } = "";

    /// <summary>The tag that is followed.</summary>
    public string Tag { get; init; } = "";

    /// <summary>The image as it is written in the workload.</summary>
    public string Image { get; init; } = "";

    /// <summary>The version that the tag stood for when it was last looked at; null before.</summary>
    public string? LatestVersion { get; init; }

    /// <summary>How far its present image has been rolled out.</summary>
    public string Progress { get; init; } = "";

    public override string ToString() => $"{Namespace}/{Kind}/{Name}";

    internal static CvWorkload Of(RunningVersion running) => new()
    {
        Namespace = running.Workload.Namespace,
        Name = running.Workload.Name,
        Kind = running.Workload.Kind,
        Container = running.Resource.Spec.Container.Name,
        Version = running.Version,
        AvailablePods = running.Workload.AvailablePods,
        DesiredPods = running.Workload.DesiredPods,
        CV = running.Resource.Metadata.Name,
        Tag = running.Resource.Spec.Follows,
        Image = running.Container?.Image ?? "",
        LatestVersion = running.Resource.Status?.Latest?.Version,
        Progress = running.Container is null ? $"Container {running.Resource.Spec.Container.Name} not found" : running.Workload.Progress.Message,
    };
}
