using CvManager.Resources;
using CvManager.Workloads;

namespace CvManager.Records;

/// <summary>R8: what one finished rollout did to one workload. Immutable; it is never changed once written.</summary>
public sealed record RolloutRecord
{
    /// <summary>Characters of <see cref="Reason"/> that are kept: the end of a gate's log fits, a whole log does not.</summary>
    public const int LongestReason = 2048;

    /// <summary>The rollout's id: the same for all its workloads.</summary>
    public required string Id { get; init; }

    /// <summary>Name of the ContainerVersion.</summary>
    public required string CV { get; init; }

    /// <summary>Kind of the workload.</summary>
    public required string Kind { get; init; }

    /// <summary>Name of the workload.</summary>
    public required string Name { get; init; }

    public required string Container { get; init; }

    /// <summary>The version that the workload had before; empty where its image did not tell.</summary>
    public string FromVersion { get; init; } = "";

    /// <summary>The version that it was to get.</summary>
    public required string ToVersion { get; init; }

    public string FromImage { get; init; } = "";

    public string ToImage { get; init; } = "";

    /// <summary>Of the image that it was to get.</summary>
    public string Digest { get; init; } = "";

    public DateTimeOffset Started { get; init; }

    public DateTimeOffset Finished { get; init; }

    /// <summary>Succeeded, Failed, RolledBack, Superseded or Abandoned.</summary>
    public required string Outcome { get; init; }

    /// <summary>Why it ended so, or why it was wanted; empty where the tag moved and all went well.</summary>
    public string Reason { get; init; } = "";

    /// <summary>A person, where one asked for this version; otherwise <c>controller</c>.</summary>
    public string Who { get; init; } = Controller;

    internal const string Controller = "controller";

    /// <summary>One record never has the same key as another one.</summary>
    internal (string, string, string, string, string) Key => (Id, CV, Kind, Name, Container);

    /// <summary>What a finished rollout did to each of its workloads. Pure.</summary>
    public static IReadOnlyList<RolloutRecord> Of(ContainerVersion resource, RolloutStatus rollout)
    {
        ArgumentNullException.ThrowIfNull(resource);
        ArgumentNullException.ThrowIfNull(rollout);
        return [.. rollout.Workloads.Select(workload => new RolloutRecord
        {
            Id = rollout.Id,
            CV = resource.Metadata.Name,
            Kind = workload.Kind,
            Name = workload.Name,
            Container = resource.Spec.Container.Name,
            FromVersion = RunningVersion.VersionOf(workload.FromImage),
            ToVersion = rollout.Version,
            FromImage = workload.FromImage,
            ToImage = workload.ToImage,
            Digest = rollout.Digest,
            Started = rollout.StartedAt,
            Finished = rollout.FinishedAt ?? rollout.StartedAt,
            // One that went away, or that somebody else changed, did not come to the rollout's own end.
            Outcome = workload.Phase == RolloutPhase.Superseded && rollout.Phase != RolloutPhase.Abandoned ? RolloutPhase.Superseded : rollout.Phase,
            Reason = Why(rollout, workload),
            Who = rollout.StartedBy ?? Controller,
        })];
    }

    private static string Why(RolloutStatus rollout, WorkloadRolloutStatus workload)
    {
        string why = workload.Phase == RolloutPhase.Superseded && workload.Message is { Length: > 0 } gone ? gone : rollout.Message ?? "";
        string whole = string.Join("; ", new[] { rollout.StartedFor ?? "", why }.Where(text => text.Length > 0));
        return whole.Length <= LongestReason ? whole : string.Concat(whole.AsSpan(0, LongestReason - 1), "…");
    }
}
