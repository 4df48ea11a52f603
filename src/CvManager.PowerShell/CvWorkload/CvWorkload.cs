using System.Management.Automation;
using CvManager.Workloads;

namespace CvManager.PowerShell;

/// <summary>A container of a workload that a ContainerVersion updates: the output of Get-CvWorkload.</summary>
public sealed class CvWorkload
{
    public string Namespace { get; init; } = "";

    public string Name { get; init; } = "";

    /// <summary>The <see cref="Name"/>, for the parameter of Get-CvRolloutHistory. Hidden in lists.</summary>
    [Hidden]
    public string Workload => Name;

    /// <summary>Deployment, StatefulSet, DaemonSet, ReplicaSet, Pod, Job or CronJob.</summary>
    public string Kind { get; init; } = "";

    /// <summary>The name of the container.</summary>
    public string Container { get; init; } = "";

    /// <summary>The version in its image; empty if the workload has no such container.</summary>
    public string Version { get; init; } = "";

    /// <summary>The number of available pods.</summary>
    public int Available { get; init; }

    /// <summary>Null if the kind has no desired number of pods.</summary>
    public int? Desired { get; init; }

    /// <summary>The name of the ContainerVersion.</summary>
    public string CV { get; init; } = "";

    /// <summary>The tag that the ContainerVersion follows.</summary>
    public string Tag { get; init; } = "";

    /// <summary>The image in the specification of the workload.</summary>
    public string Image { get; init; } = "";

    /// <summary>The version that the tag pointed at when it was last read; null before the first read.</summary>
    public string? LatestVersion { get; init; }

    /// <summary>Describes how far the current image has been rolled out.</summary>
    public string Progress { get; init; } = "";

    public override string ToString() => $"{Namespace}/{Kind}/{Name}";

    internal static CvWorkload Of(RunningVersion running) =>
        new()
        {
            Namespace = running.Workload.Namespace,
            Name = running.Workload.Name,
            Kind = running.Workload.Kind,
            Container = running.Resource.Spec.Container.Name,
            Version = running.Version,
            Available = running.Workload.AvailablePods,
            Desired = running.Workload.DesiredPods,
            CV = running.Resource.Metadata.Name,
            Tag = running.Resource.Followed.ToString(),
            Image = running.Container?.Image ?? "",
            LatestVersion = running.Resource.Status?.Latest?.Version,
            Progress = running.Progress,
        };
}
