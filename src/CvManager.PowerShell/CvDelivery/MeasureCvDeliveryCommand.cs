using System.Management.Automation;
using CvManager.PowerShell.Completion;
using CvManager.Records;

namespace CvManager.PowerShell;

/// <summary>Measures delivery performance, by the four DORA figures, from the history of rollouts.</summary>
[Cmdlet(VerbsDiagnostic.Measure, "CvDelivery", DefaultParameterSetName = NamespaceSet, HelpUri = ProjectUri.Docs + "Measure-CvDelivery.md")]
[OutputType(typeof(CvDelivery))]
public sealed class MeasureCvDeliveryCommand : HistoryCmdlet
{
    /// <summary>The window without -Since.</summary>
    private static readonly TimeSpan DefaultWindow = TimeSpan.FromDays(30);

    /// <summary>The maximum number of groups that a warning names.</summary>
    private const int MaxNamed = 5;

    // Several pipeline objects can refer to one record, which counts once.
    private readonly Dictionary<(string Namespace, string Id, string CV, string Kind, string Workload, string Container), Entry> _entries =
    [];
    private readonly TimeProvider _time = TimeProvider.System;

    /// <summary>A record of Get-CvRolloutHistory.</summary>
    [Parameter(ValueFromPipeline = true)]
    [ValidateNotNull]
    [ArgumentCompleter(typeof(FreeTextCompleter))]
    public CvRolloutRecord? InputObject { get; set; }

    /// <summary>Only rollouts that finished at this time or earlier; a duration means that long ago. The default is now.</summary>
    [Parameter]
    [TimeTransformation]
    [ArgumentCompleter(typeof(FreeTextCompleter))]
    public DateTimeOffset? Until { get; set; }

    /// <summary>What is measured together.</summary>
    [Parameter]
    public DeliveryGrouping By { get; set; }

    /// <summary>The label of ContainerVersions for -By Label.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(LabelKeyCompleter))]
    public string? LabelKey { get; set; }

    protected override Task BeginProcessingAsync(CancellationToken cancellationToken)
    {
        if (By == DeliveryGrouping.Label && LabelKey is null)
            throw new CvException(
                CmdletErrorIds.LabelKeyMissing,
                CvErrorKind.Invalid,
                "-By Label needs the key of a label.",
                "Specify it with -LabelKey, for example -LabelKey team."
            );
        if (By != DeliveryGrouping.Label && LabelKey is not null)
            throw new CvException(
                CmdletErrorIds.ParameterNotApplicable,
                CvErrorKind.Invalid,
                $"-LabelKey has no effect with -By {By}.",
                "Specify -By Label, or omit -LabelKey."
            );
        if (Since > Until)
            throw new CvException(
                CmdletErrorIds.TimeRangeEmpty,
                CvErrorKind.Invalid,
                $"-Since ({Since:u}) is later than -Until ({Until:u}).",
                "Specify an earlier time with -Since, or a later one with -Until."
            );
        return Task.CompletedTask;
    }

    protected override async Task ProcessRecordAsync(CancellationToken cancellationToken)
    {
        if (InputObject is { } input)
        {
            var isInputSelected = await SelectionAsync(input.Namespace, cancellationToken);
            // A namespace that comes from the record itself is equal.
            if ((Namespace is null || Namespace == input.Namespace) && isInputSelected(input.Namespace, input.Record))
                Add(new Entry(input.Namespace, input.Record, null));
            return;
        }

        var ns = await ResolveNamespaceAsync(cancellationToken);
        var history = await ReadHistoryAsync(ns, cancellationToken);
        var isSelected = await SelectionAsync(ns, cancellationToken);
        foreach (var contents in history)
        {
            foreach (var record in contents.Records.Where(record => isSelected(contents.Namespace, record)))
                Add(new Entry(contents.Namespace, record, contents));
        }

        await ReportUnknownNamesAsync(ns, history, cancellationToken);
    }

    protected override async Task EndProcessingAsync(CancellationToken cancellationToken)
    {
        if (_entries.Count == 0)
            return;
        var until = Until ?? _time.GetUtcNow();
        // Records from the pipeline are measured from the first one on.
        var from =
            Since
            ?? (
                _entries.Values.Any(entry => entry.Contents is null)
                    ? _entries.Values.Min(entry => entry.Record.Started)
                    : until - DefaultWindow
            );
        if (from > until)
            from = until;
        var complete = CompleteSince();
        var groupOf = await GroupingAsync(cancellationToken);
        List<string> truncated = [];
        foreach (var group in _entries.Values.GroupBy(groupOf, StringComparer.Ordinal).OrderBy(group => group.Key, StringComparer.Ordinal))
        {
            var known = group.Max(complete);
            var isTruncated = known > from;
            if (isTruncated)
                truncated.Add($"{(group.Key.Length > 0 ? group.Key : "no label")} since {known:u}");
            var start = isTruncated ? (known < until ? known.Value : until) : from;
            var figures = DeliveryFigures.Of(group.Select(entry => (entry.Namespace, entry.Record)), start, until);
            await WriteObjectAsync(CvDelivery.Of(group.Key, figures, start, until, isTruncated));
        }

        if (truncated.Count > 0)
            WriteWarning(
                "The history does not go back to the beginning of the window, because a history keeps only the last rollouts. Measured: "
                    + string.Join("; ", truncated.Take(MaxNamed))
                    + (truncated.Count > MaxNamed ? $" and {truncated.Count - MaxNamed} more." : ".")
            );
    }

    private void Add(Entry entry) =>
        _entries.TryAdd(
            (entry.Namespace, entry.Record.Id, entry.Record.CV, entry.Record.Kind, entry.Record.Name, entry.Record.Container),
            entry
        );

    /// <summary>Since when the history of a record is complete; null if nothing was dropped from it.</summary>
    private Func<Entry, DateTimeOffset?> CompleteSince()
    {
        // Records from the pipeline do not say in which ConfigMap they are: by default, there is one for each workload.
        var full = _entries
            .Values.Where(entry => entry.Contents is null)
            .GroupBy(WorkloadOf)
            .Where(group => group.Count() >= RolloutHistory.MaxRecords)
            .ToDictionary(group => group.Key, group => group.Min(entry => entry.Record.Finished));
        return entry =>
            entry.Contents is { } contents
                ? contents.IsFull
                    ? contents.Records[^1].Finished
                    : null
                : full.TryGetValue(WorkloadOf(entry), out var since)
                    ? since
                    : null;
    }

    private static (string, string) WorkloadOf(Entry entry) => (entry.Namespace, entry.Record.Name);

    /// <summary>The group of a record.</summary>
    private async Task<Func<Entry, string>> GroupingAsync(CancellationToken cancellationToken)
    {
        if (By == DeliveryGrouping.ContainerVersion)
            return entry => $"{entry.Namespace}/{entry.Record.CV}";
        if (By == DeliveryGrouping.Namespace)
            return entry => entry.Namespace;
        Dictionary<(string, string), string> values = [];
        var cluster = await ConnectAsync(cancellationToken);
        foreach (var ns in AllNamespaces ? [null] : _entries.Values.Select(entry => (string?)entry.Namespace).Distinct().ToArray())
        {
            var resources = await ContainerVersionLookup.FindAsync(
                cluster,
                ns,
                new NamePatterns([]),
                null,
                e => WriteErrorAsync(e),
                cancellationToken
            );
            foreach (var resource in resources)
            {
                if (resource.Metadata.Labels?.TryGetValue(LabelKey!, out var value) == true)
                    values[(resource.Metadata.Namespace!, resource.Metadata.Name)] = value;
            }
        }

        return entry => values.GetValueOrDefault((entry.Namespace, entry.Record.CV), "");
    }

    /// <param name="Namespace">The namespace of the record.</param>
    /// <param name="Record">The record.</param>
    /// <param name="Contents">Where it was read from; null if it came through the pipeline.</param>
    private sealed record Entry(string Namespace, RolloutRecord Record, HistoryContents? Contents);
}
