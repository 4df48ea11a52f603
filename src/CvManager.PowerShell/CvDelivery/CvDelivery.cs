using CvManager.Records;

namespace CvManager.PowerShell;

/// <summary>The four DORA figures of a group of ContainerVersions: the output of Measure-CvDelivery. See <see cref="DeliveryFigures"/>.</summary>
public sealed class CvDelivery
{
    /// <summary>The ContainerVersion (<c>namespace/name</c>), the namespace, or the value of the label; empty for no label.</summary>
    public string Group { get; init; } = "";

    /// <summary>The beginning of the window.</summary>
    public DateTime From { get; init; }

    /// <summary>The end of the window.</summary>
    public DateTime Until { get; init; }

    /// <summary>True if the window begins later than requested, because the history does not go back further.</summary>
    public bool Truncated { get; init; }

    /// <summary>The number of successful changes.</summary>
    public int Deployments { get; init; }

    /// <summary>Deployment frequency: deployments per day.</summary>
    public double PerDay { get; init; }

    /// <summary>The median of the lead time, from when the tag was seen until the rollout had succeeded. Null for no value.</summary>
    public string? LeadTime { get; init; }

    public double? LeadTimeSeconds { get; init; }

    /// <summary>The lead time that nine of ten do not exceed.</summary>
    public string? LeadTimeP90 { get; init; }

    public double? LeadTimeP90Seconds { get; init; }

    /// <summary>The number of changes, successful and failed.</summary>
    public int Changes { get; init; }

    public int FailedChanges { get; init; }

    /// <summary>Change failure rate, from 0 to 1; null without changes.</summary>
    public double? FailureRate { get; init; }

    /// <summary>The number of outages that ended.</summary>
    public int Restored { get; init; }

    /// <summary>The number of ContainerVersions whose last change failed and that are not restored.</summary>
    public int NotRestored { get; init; }

    /// <summary>The median of the time to restore; null for no value.</summary>
    public string? RestoreTime { get; init; }

    public double? RestoreTimeSeconds { get; init; }

    /// <summary>The time to restore that nine of ten do not exceed.</summary>
    public string? RestoreTimeP90 { get; init; }

    public double? RestoreTimeP90Seconds { get; init; }

    public override string ToString() => Group;

    internal static CvDelivery Of(string group, DeliveryFigures figures, DateTimeOffset from, DateTimeOffset until, bool isTruncated) =>
        new()
        {
            Group = group,
            From = from.LocalDateTime,
            Until = until.LocalDateTime,
            Truncated = isTruncated,
            Deployments = figures.Deployments,
            PerDay = figures.DeploymentsPerDay,
            LeadTime = Text(figures.LeadTime?.Median),
            LeadTimeSeconds = figures.LeadTime?.Median.TotalSeconds,
            LeadTimeP90 = Text(figures.LeadTime?.P90),
            LeadTimeP90Seconds = figures.LeadTime?.P90.TotalSeconds,
            Changes = figures.Changes,
            FailedChanges = figures.FailedChanges,
            FailureRate = figures.ChangeFailureRate,
            Restored = figures.Restored,
            NotRestored = figures.NotRestored,
            RestoreTime = Text(figures.RestoreTime?.Median),
            RestoreTimeSeconds = figures.RestoreTime?.Median.TotalSeconds,
            RestoreTimeP90 = Text(figures.RestoreTime?.P90),
            RestoreTimeP90Seconds = figures.RestoreTime?.P90.TotalSeconds,
        };

    /// <summary>In whole seconds, and from an hour on in whole minutes.</summary>
    private static string? Text(TimeSpan? duration)
    {
        if (duration is not { } known)
            return null;
        var unit = known >= TimeSpan.FromHours(1) ? TimeSpan.FromMinutes(1) : TimeSpan.FromSeconds(1);
        return DurationText.Of(Math.Round(known / unit) * unit);
    }
}
