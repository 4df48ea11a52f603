using System.Management.Automation;
using CvManager.Records;

namespace CvManager.PowerShell;

/// <summary>The record of a finished rollout for one workload: the output of Get-CvRolloutHistory.</summary>
public sealed class CvRolloutRecord
{
    public string Namespace { get; init; } = "";

    /// <summary>The name of the ContainerVersion.</summary>
    public string Name { get; init; } = "";

    /// <summary>The id of the rollout, the same for all of its workloads. Use it with Invoke-CvRollback -ToRecord.</summary>
    public string Id { get; init; } = "";

    /// <summary>The <see cref="Id"/>, for the parameter of Invoke-CvRollback. Hidden in lists.</summary>
    [Hidden]
    public string ToRecord => Id;

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

    /// <summary>Succeeded, Failed, RolledBack, Superseded or Abandoned.</summary>
    public string Outcome { get; init; } = "";

    /// <summary>When the controller saw the tag on this version; null if a user started the rollout, or if it is not known.</summary>
    public DateTime? TagSeen { get; init; }

    public DateTime Started { get; init; }

    public DateTime Finished { get; init; }

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
            TagSeen = record.TagSeen?.LocalDateTime,
            Started = record.Started.LocalDateTime,
            Finished = record.Finished.LocalDateTime,
            Reason = record.Reason,
            Who = record.Who,
        };

    internal RolloutRecord Record =>
        new()
        {
            Id = Id,
            CV = Name,
            Kind = Kind,
            Name = Workload,
            Container = Container,
            FromVersion = FromVersion,
            ToVersion = ToVersion,
            FromImage = FromImage,
            ToImage = ToImage,
            Digest = Digest,
            Outcome = Outcome,
            TagSeen = TagSeen,
            Started = Started,
            Finished = Finished,
            Reason = Reason,
            Who = Who,
        };
}
