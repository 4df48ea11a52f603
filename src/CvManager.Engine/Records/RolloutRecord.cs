using System.Text.Json.Serialization;
using CvManager.Resources;
using CvManager.Workloads;

namespace CvManager.Records;

/// <summary>R8: the record of one finished rollout of one workload. Immutable; never changed after it is written.</summary>
public sealed record RolloutRecord
{
    /// <summary>The maximum length of <see cref="Reason"/>: enough for the end of a gate's log.</summary>
    public const int MaxReasonLength = 2048;

    /// <summary>The rollout's id: the same for all its workloads.</summary>
    public required string Id { get; init; }

    /// <summary>Name of the ContainerVersion.</summary>
    public required string CV { get; init; }

    /// <summary>Kind of the workload.</summary>
    public required string Kind { get; init; }

    /// <summary>Name of the workload.</summary>
    public required string Name { get; init; }

    public required string Container { get; init; }

    /// <summary>The version that the workload had before; empty if it is unknown.</summary>
    public string FromVersion { get; init; } = "";

    /// <summary>The version of the rollout.</summary>
    public required string ToVersion { get; init; }

    public string FromImage { get; init; } = "";

    public string ToImage { get; init; } = "";

    /// <summary>The digest of the version's image.</summary>
    public string Digest { get; init; } = "";

    /// <summary>
    /// When the controller saw the tag on this digest. Null for a version that a person requested, or if the tag had moved on when the record
    /// was made.
    /// </summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public DateTimeOffset? TagSeen { get; init; }

    public DateTimeOffset Started { get; init; }

    public DateTimeOffset Finished { get; init; }

    /// <summary>Succeeded, Failed, RolledBack, Superseded or Abandoned.</summary>
    public required string Outcome { get; init; }

    /// <summary>Why the rollout ended this way, or why it was requested; empty after a successful rollout for a tag move.</summary>
    public string Reason { get; init; } = "";

    /// <summary>The person who requested this version; otherwise <c>controller</c>.</summary>
    public string Who { get; init; } = Controller;

    public const string Controller = "controller";

    /// <summary>Identifies the record.</summary>
    internal (string, string, string, string, string) Key => (Id, CV, Kind, Name, Container);

    /// <summary>The records of a finished rollout, one for each workload. Pure.</summary>
    public static IReadOnlyList<RolloutRecord> Of(ContainerVersion resource, RolloutStatus rollout)
    {
        ArgumentNullException.ThrowIfNull(resource);
        ArgumentNullException.ThrowIfNull(rollout);
        return
        [
            .. rollout.Workloads.Select(workload => new RolloutRecord
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
                TagSeen =
                    rollout.StartedBy is null
                    && resource.Status?.Latest is { } latest
                    && latest.Digest == rollout.Digest
                    && latest.SeenAt <= rollout.StartedAt
                        ? latest.SeenAt
                        : null,
                Started = rollout.StartedAt,
                Finished = rollout.FinishedAt ?? rollout.StartedAt,
                // A workload that was deleted or changed by another client does not share the rollout's outcome.
                Outcome =
                    workload.Phase == RolloutPhase.Superseded && rollout.Phase != RolloutPhase.Abandoned
                        ? RolloutPhase.Superseded
                        : rollout.Phase,
                Reason = Why(rollout, workload),
                Who = rollout.StartedBy ?? Controller,
            }),
        ];
    }

    private static string Why(RolloutStatus rollout, WorkloadRolloutStatus workload)
    {
        var why = workload.Phase == RolloutPhase.Superseded && workload.Message is { Length: > 0 } gone ? gone : rollout.Message ?? "";
        var whole = string.Join("; ", new[] { rollout.StartedFor ?? "", why }.Where(text => text.Length > 0));
        return whole.Length <= MaxReasonLength ? whole : string.Concat(whole.AsSpan(0, MaxReasonLength - 1), "…");
    }
}
