using CvManager.Rollouts;
using CvManager.Workloads;
using Resource = CvManager.Resources.ContainerVersion;

namespace CvManager.PowerShell;

/// <summary>The progress of the current or last rollout of a ContainerVersion for one workload: the output of Get-CvRollout.</summary>
public sealed class CvRollout
{
    public string Namespace { get; init; } = "";

    /// <summary>The name of the ContainerVersion.</summary>
    public string Name { get; init; } = "";

    /// <summary>The id of the rollout, and of its record in the history.</summary>
    public string Id { get; init; } = "";

    /// <summary>The version that the rollout installs.</summary>
    public string Version { get; init; } = "";

    /// <summary>The phase of the whole rollout: Verifying, Progressing, RollingBack, Succeeded, Failed, RolledBack or Superseded.</summary>
    public string RolloutPhase { get; init; } = "";

    /// <summary>The name of the workload.</summary>
    public string Workload { get; init; } = "";

    public string Kind { get; init; } = "";

    /// <summary>The phase of this workload: a value of <see cref="RolloutPhase"/>, or Pending.</summary>
    public string Phase { get; init; } = "";

    /// <summary>
    /// The desired number of pods. This and the other numbers are null if the kind has none, or if the workload does not exist.
    /// </summary>
    public int? Desired { get; init; }

    /// <summary>The number of pods with the current specification.</summary>
    public int? Updated { get; init; }

    public int? Ready { get; init; }

    public int? Available { get; init; }

    /// <summary>The current image of the container.</summary>
    public string? Image { get; init; }

    public string FromImage { get; init; } = "";

    public string ToImage { get; init; } = "";

    /// <summary>What the rollout waits for, or why it failed.</summary>
    public string Message { get; init; } = "";

    public DateTime Started { get; init; }

    /// <summary>When the rollout times out; null if it is finished.</summary>
    public DateTime? Deadline { get; init; }

    /// <summary>Null while the rollout is in progress.</summary>
    public DateTime? Finished { get; init; }

    /// <summary>The user who started the rollout; null if a tag move did.</summary>
    public string? StartedBy { get; init; }

    /// <summary>Namespace and name of the ContainerVersion.</summary>
    public override string ToString() => $"{Namespace}/{Name}";

    /// <summary>Returns one object for each workload of the rollout; none if nothing was ever rolled out.</summary>
    internal static IEnumerable<CvRollout> Of(Resource resource, IReadOnlyList<Workload> workloads) =>
        WorkloadRollout.Find([resource], workloads).Select(Of);

    private static CvRollout Of(WorkloadRollout one) =>
        new()
        {
            Namespace = one.Resource.Metadata.Namespace ?? "",
            Name = one.Resource.Metadata.Name,
            Id = one.Rollout.Id,
            Version = one.Rollout.Version,
            RolloutPhase = one.Rollout.Phase,
            Workload = one.Entry.Name,
            Kind = one.Entry.Kind,
            Phase = one.Entry.Phase,
            Desired = one.Workload?.DesiredPods,
            Updated = one.Workload?.UpdatedPods,
            Ready = one.Workload?.ReadyPods,
            Available = one.Workload?.AvailablePods,
            Image = one.Image,
            FromImage = one.Entry.FromImage,
            ToImage = one.Entry.ToImage,
            Message = one.Message,
            Started = one.Rollout.StartedAt.LocalDateTime,
            Deadline = one.Deadline?.LocalDateTime,
            Finished = one.Rollout.FinishedAt?.LocalDateTime,
            StartedBy = one.Rollout.StartedBy,
        };
}
