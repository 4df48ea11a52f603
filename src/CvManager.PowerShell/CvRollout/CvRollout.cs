using CvManager.Workloads;
using Resource = CvManager.Resources.ContainerVersion;

namespace CvManager.PowerShell;

/// <summary>How far the present or last rollout of a ContainerVersion has got with one workload, as Get-CvRollout shows it.</summary>
public sealed record CvRollout : IContainerVersionReference
{
    public string Namespace { get; init; } = "";

    /// <summary>Name of the ContainerVersion.</summary>
    public string Name { get; init; } = "";

    /// <summary>The rollout's id, and that of its record in the history.</summary>
    public string Id { get; init; } = "";

    /// <summary>The version that is rolled out.</summary>
    public string Version { get; init; } = "";

    /// <summary>Of the whole rollout: Verifying, Progressing, RollingBack, Succeeded, Failed, RolledBack or Superseded.</summary>
    public string RolloutPhase { get; init; } = "";

    /// <summary>Name of the workload.</summary>
    public string Workload { get; init; } = "";

    public string Kind { get; init; } = "";

    /// <summary>Of this workload: as <see cref="RolloutPhase"/>, or Pending.</summary>
    public string Phase { get; init; } = "";

    /// <summary>How many pods it is to have; this and the other numbers are null where the kind has none, or the workload is gone.</summary>
    public int? Desired { get; init; }

    /// <summary>Pods of its present specification.</summary>
    public int? Updated { get; init; }

    public int? Ready { get; init; }

    public int? Available { get; init; }

    /// <summary>The image that the container has now.</summary>
    public string? Image { get; init; }

    public string FromImage { get; init; } = "";

    public string ToImage { get; init; } = "";

    /// <summary>What it waits for, or why it failed.</summary>
    public string Message { get; init; } = "";

    public DateTimeOffset Started { get; init; }

    /// <summary>When it fails, if it is not done by then.</summary>
    public DateTimeOffset? Deadline { get; init; }

    /// <summary>Null while it goes on.</summary>
    public DateTimeOffset? Finished { get; init; }

    /// <summary>The person who asked for this version; null where the tag did.</summary>
    public string? StartedBy { get; init; }

    /// <summary>Empty where nothing was ever rolled out.</summary>
    public override string ToString() => $"{Namespace}/{Name}";

    internal static IEnumerable<CvRollout> Of(Resource resource, IReadOnlyList<Workload> workloads)
    {
        if (resource.Status?.Rollout is not { } rollout)
            yield break;
        foreach (var entry in rollout.Workloads)
        {
            var workload = workloads.FirstOrDefault(w => w.Namespace == resource.Metadata.Namespace && w.Kind == entry.Kind && w.Name == entry.Name);
            yield return new CvRollout
            {
                Namespace = resource.Metadata.Namespace ?? "",
                Name = resource.Metadata.Name,
                Id = rollout.Id,
                Version = rollout.Version,
                RolloutPhase = rollout.Phase,
                Workload = entry.Name,
                Kind = entry.Kind,
                Phase = entry.Phase,
                Desired = workload?.DesiredPods,
                Updated = workload?.UpdatedPods,
                Ready = workload?.ReadyPods,
                Available = workload?.AvailablePods,
                Image = workload?.FindContainer(resource.Spec.Container.Name)?.Image,
                FromImage = entry.FromImage,
                ToImage = entry.ToImage,
                Message = entry.Message ?? rollout.Message ?? "",
                Started = rollout.StartedAt,
                Deadline = rollout.FinishedAt is null ? rollout.Deadline : null,
                Finished = rollout.FinishedAt,
                StartedBy = rollout.StartedBy,
            };
        }
    }
}
