using CvManager.Records;

namespace CvManager.PowerShell;

/// <summary>What one finished rollout did to one workload, as Get-CvRolloutHistory shows it.</summary>
public sealed record CvRolloutRecord : IContainerVersionReference
{
    public string Namespace { get; init; } = "";

    /// <summary>Name of the ContainerVersion.</summary>
    public string Name { get; init; } = "";

    /// <summary>The rollout's id: the same for all its workloads; Invoke-CvRollback -ToRecord takes it.</summary>
    public string Id { get; init; } = "";

    /// <summary>Name of the workload.</summary>
    public string Workload { get; init; } = "";

    /// <summary>Deployment, StatefulSet, DaemonSet, ReplicaSet, Pod, Job or CronJob.</summary>
    public string Kind { get; init; } = "";

    public string Container { get; init; } = "";

    /// <summary>The version that the workload had before.</summary>
    public string FromVersion { get; init; } = "";

    /// <summary>The version that it was to get.</summary>
    public string ToVersion { get; init; } = "";

    public string FromImage { get; init; } = "";

    public string ToImage { get; init; } = "";

    public string Digest { get; init; } = "";

    /// <summary>Succeeded, Failed, RolledBack or Superseded.</summary>
    public string Outcome { get; init; } = "";

    public DateTimeOffset Started { get; init; }

    public DateTimeOffset Finished { get; init; }

    /// <summary>Why it ended so, or why somebody wanted it; empty where the tag moved and all went well.</summary>
    public string Reason { get; init; } = "";

    /// <summary>A person, where one asked for it; otherwise controller.</summary>
    public string Who { get; init; } = "";

    public override string ToString() => $"{Namespace}/{Name}";

    internal static CvRolloutRecord Of(string ns, RolloutRecord record) => new()
    {
        Namespace = ns,
        Name = record.CV,
        Id = record.Id,
        Workload = record.Name,
        Kind = record.Kind,
        Container = record.Container,
        FromVersion = record.FromVersion,
        ToVersion = record.ToVersion,
        FromImage = record.FromImage,
        ToImage = record.ToImage,
        Digest = record.Digest,
        Outcome = record.Outcome,
        Started = record.Started,
        Finished = record.Finished,
        Reason = record.Reason,
        Who = record.Who,
    };
}
