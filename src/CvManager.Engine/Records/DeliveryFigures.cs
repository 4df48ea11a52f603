using CvManager.Resources;

namespace CvManager.Records;

/// <summary>
/// The four figures of delivery performance that DORA defines (https://dora.dev/guides/dora-metrics-four-keys/), computed from the rollout
/// history of one or more ContainerVersions in a window of time. Immutable.
/// </summary>
/// <remarks>
/// <para>
/// A rollout is all records with the same namespace, ContainerVersion and id. It starts with its first record and finishes with its last.
/// Records with the outcome Superseded or Abandoned are ignored, so that a rollout that has no others counts as nothing. A rollout is failed if
/// a record has the outcome Failed or RolledBack, else it succeeded. A rollout, a failure or an outage is in the window in which it finishes.
/// </para>
/// <para>
/// A rollout that a person started, to a version that the ContainerVersion has been on before, is a return: it is no change, but the remedy of
/// one. Every other rollout is a change. A change is failed if its rollout failed, or if a return from its version followed.
/// </para>
/// <para>
/// An outage of a ContainerVersion begins at the start of a failed change, or at the start of a return: the records do not say when a person
/// noticed the problem. It ends at the end of the next successful rollout. A failed change that was rolled back ends with its rollback,
/// unless the version that it went back to is itself out of order. Several failures in one outage are one outage.
/// </para>
/// </remarks>
public sealed record DeliveryFigures
{
    /// <summary>A window shorter than a day counts as a day, so that two deployments of an hour are not 48 a day.</summary>
    private static readonly TimeSpan ShortestWindow = TimeSpan.FromDays(1);

    /// <summary>The number of successful changes, including those that a person took back later.</summary>
    public int Deployments { get; init; }

    /// <summary>Deployment frequency: <see cref="Deployments"/> divided by the days of the window, at least one.</summary>
    public double DeploymentsPerDay { get; init; }

    /// <summary>The number of changes: <see cref="Deployments"/> and failed rollouts.</summary>
    public int Changes { get; init; }

    public int FailedChanges { get; init; }

    /// <summary>Change failure rate: <see cref="FailedChanges"/> divided by <see cref="Changes"/>. Null without changes.</summary>
    public double? ChangeFailureRate => Changes == 0 ? null : (double)FailedChanges / Changes;

    /// <summary>
    /// Lead time: from when the controller saw the tag on the version until its rollout finished. It is that of successful changes that
    /// followed a tag. It does not include what came before the tag was moved: the record has no time of the commit. If the record does not
    /// have the time of the tag, or if the version was rolled out before, it begins with the rollout.
    /// </summary>
    public Distribution? LeadTime { get; init; }

    /// <summary>Time to restore: the duration of outages that ended in the window.</summary>
    public Distribution? RestoreTime { get; init; }

    /// <summary>The number of outages that ended in the window.</summary>
    public int Restored { get; init; }

    /// <summary>The number of ContainerVersions in an outage at the end of the window.</summary>
    public int NotRestored { get; init; }

    /// <summary>Computes the figures of the records. Pure.</summary>
    /// <param name="records">
    /// The records with their namespaces, in any order. Those before the window count for what follows them: which version a change replaced,
    /// and when an outage began.
    /// </param>
    /// <param name="from">The beginning of the window, inclusive.</param>
    /// <param name="until">The end of the window, inclusive.</param>
    public static DeliveryFigures Of(
        IEnumerable<(string Namespace, RolloutRecord Record)> records,
        DateTimeOffset from,
        DateTimeOffset until
    )
    {
        ArgumentNullException.ThrowIfNull(records);
        List<Change> changes = [];
        List<(DateTimeOffset Since, DateTimeOffset Until)> outages = [];
        var notRestored = 0;
        foreach (var one in records.Where(entry => entry.Record.Finished <= until).GroupBy(entry => (entry.Namespace, entry.Record.CV)))
        {
            if (Follow(RolloutsOf(one.Select(entry => entry.Record)), changes, outages))
                notRestored++;
        }

        bool IsInWindow(DateTimeOffset time) => time >= from && time <= until;
        changes.RemoveAll(change => !IsInWindow(change.Rollout.Finished));
        outages.RemoveAll(outage => !IsInWindow(outage.Until));
        var deployments = changes.Count(change => change.Rollout.IsSuccess);
        var window = until - from;
        return new DeliveryFigures
        {
            Deployments = deployments,
            DeploymentsPerDay = deployments / (window > ShortestWindow ? window : ShortestWindow).TotalDays,
            Changes = changes.Count,
            FailedChanges = changes.Count(change => change.IsFailed),
            LeadTime = Distribution.Of(changes.Select(change => change.LeadTime).OfType<TimeSpan>()),
            RestoreTime = Distribution.Of(outages.Select(outage => outage.Until - outage.Since)),
            Restored = outages.Count,
            NotRestored = notRestored,
        };
    }

    private static IEnumerable<Rollout> RolloutsOf(IEnumerable<RolloutRecord> records) =>
        records
            .Where(record => record.Outcome is RolloutPhase.Succeeded or RolloutPhase.Failed or RolloutPhase.RolledBack)
            .GroupBy(record => record.Id, StringComparer.Ordinal)
            .Select(rollout => new Rollout([.. rollout]))
            .OrderBy(rollout => rollout.Finished)
            .ThenBy(rollout => rollout.Started);

    /// <summary>Goes through the rollouts of one ContainerVersion, from the first to the last.</summary>
    /// <returns>True if there is an outage at the end.</returns>
    private static bool Follow(
        IEnumerable<Rollout> rollouts,
        List<Change> changes,
        List<(DateTimeOffset Since, DateTimeOffset Until)> outages
    )
    {
        HashSet<string> known = new(StringComparer.Ordinal);
        Dictionary<string, Change> deployed = new(StringComparer.Ordinal);
        Change? current = null;
        DateTimeOffset? outSince = null;
        foreach (var rollout in rollouts)
        {
            known.UnionWith(rollout.FromVersions);
            var isKnown = known.Contains(rollout.Version);
            var isReturn = rollout.IsOfPerson && isKnown;
            if (isReturn)
            {
                if (current is not null && current.Rollout.Version != rollout.Version)
                    current.IsFailed = true;
                outSince ??= rollout.Started;
            }

            Change? change = null;
            if (!isReturn)
            {
                TimeSpan? leadTime =
                    rollout.IsSuccess && !rollout.IsOfPerson
                        ? rollout.Finished - (isKnown ? rollout.Started : rollout.TagSeen ?? rollout.Started)
                        : null;
                changes.Add(change = new Change(rollout, leadTime) { IsFailed = !rollout.IsSuccess });
            }

            if (rollout.IsSuccess)
            {
                if (outSince is { } since)
                    outages.Add((since, rollout.Finished));
                outSince = null;
                if (change is not null)
                    deployed[rollout.Version] = change;
                current = deployed.GetValueOrDefault(rollout.Version);
                known.Add(rollout.Version);
            }
            else if (outSince is null && rollout.IsRolledBack)
            {
                outages.Add((rollout.Started, rollout.Finished));
            }
            else
            {
                outSince ??= rollout.Started;
            }
        }

        return outSince is not null;
    }

    /// <summary>A rollout with all its workloads.</summary>
    private sealed class Rollout(IReadOnlyList<RolloutRecord> records)
    {
        public string Version { get; } = records[0].ToVersion;

        public IEnumerable<string> FromVersions => records.Select(record => record.FromVersion).Where(version => version != Version);

        public DateTimeOffset Started { get; } = records.Min(record => record.Started);

        public DateTimeOffset Finished { get; } = records.Max(record => record.Finished);

        public DateTimeOffset? TagSeen { get; } = records.Min(record => record.TagSeen);

        public bool IsOfPerson { get; } = records[0].Who != RolloutRecord.Controller;

        public bool IsSuccess { get; } = records.All(record => record.Outcome == RolloutPhase.Succeeded);

        /// <summary>Whether all workloads that were changed are back on their former images.</summary>
        public bool IsRolledBack { get; } = records.All(record => record.Outcome != RolloutPhase.Failed);
    }

    private sealed class Change(Rollout rollout, TimeSpan? leadTime)
    {
        public Rollout Rollout => rollout;

        public TimeSpan? LeadTime => leadTime;

        public bool IsFailed { get; set; }
    }
}

/// <summary>What is typical, and what is exceeded by one of ten.</summary>
/// <param name="Median">The middle value; of an even number of values, the mean of the two in the middle.</param>
/// <param name="P90">The smallest value that at least 90 % of the values do not exceed (nearest rank).</param>
public sealed record Distribution(TimeSpan Median, TimeSpan P90)
{
    /// <summary>Null for no values. Pure.</summary>
    public static Distribution? Of(IEnumerable<TimeSpan> values)
    {
        var sorted = values.Order().ToList();
        return sorted.Count == 0
            ? null
            : new Distribution((sorted[(sorted.Count - 1) / 2] + sorted[sorted.Count / 2]) / 2, sorted[((sorted.Count * 9) + 9) / 10 - 1]);
    }
}
