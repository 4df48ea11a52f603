using CvManager.Records;

namespace CvManager.PowerShell;

/// <summary>The record of a finished rollout for one workload: the output of Get-CvRolloutHistory.</summary>
public sealed record CvRolloutRecord : IContainerVersionReference
{
    public string Namespace { get; init; } = "";

    /// <summary>The name of the ContainerVersion.</summary>
    public string Name { get; init; } = "";

    /// <summary>The id of the rollout, the same for all of its workloads. Use it with Invoke-CvRollback -ToRecord.</summary>
    public string Id { get; init; } = "";

    /// <summary>The name of the workload.</summary>
    public string Workload { get; init; } = "";

    /// <summary>Deployment, StatefulSet, DaemonSet, ReplicaSet, Pod, Job or CronJob.</summary>
    public string Kind { get; init; } = "";

    public string Container { get; init; } = "";

    /// <summary>The version of the workload before the rollout.</summary>
    public string FromVersion { get; init; } = "";

    /// <summary>The version that the rollout installed, or tried to.</summary>
    public string ToVersion { get; init; } = "";

    public string FromImage { get; init; } = "";

    public string ToImage { get; init; } = "";

    public string Digest { get; init; } = "";

    /// <summary>Succeeded, Failed, RolledBack or Superseded.</summary>
    public string Outcome { get; init; } = "";

    public DateTimeOffset Started { get; init; }

    public DateTimeOffset Finished { get; init; }

    /// <summary>Why the rollout failed, or why a user started it; empty for a successful rollout after a tag move.</summary>
    public string Reason { get; init; } = "";

    /// <summary>The user who started the rollout, or controller.</summary>
    public string Who { get; init; } = "";

    public override string ToString() => $"{Namespace}/{Name}";

    internal static CvRolloutRecord Of(string ns, RolloutRecord record) =>
        new()
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
