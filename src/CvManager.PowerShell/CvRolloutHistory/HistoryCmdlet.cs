using System.Management.Automation;
using CvManager.PowerShell.Completion;
using CvManager.Records;

namespace CvManager.PowerShell;

/// <summary>The base class of cmdlets that read the records of finished rollouts.</summary>
public abstract class HistoryCmdlet : OptionalNameCmdlet
{
    // Read once for each namespace: pipeline input often comes from one namespace.
    private readonly Dictionary<string, IReadOnlyList<HistoryContents>> _histories = [];
    private readonly Dictionary<string, HashSet<(string, string)>> _labelled = [];

    /// <summary>Only rollouts that finished at this time or later; a duration means that long ago.</summary>
    [Parameter]
    [TimeTransformation]
    [ArgumentCompleter(typeof(FreeTextCompleter))]
    public DateTimeOffset? Since { get; set; }

    /// <summary>Reads the history of a namespace; null for all namespaces.</summary>
    /// <exception cref="CvException">The cluster could not be read.</exception>
    private protected async Task<IReadOnlyList<HistoryContents>> ReadHistoryAsync(string? ns, CancellationToken cancellationToken)
    {
        if (!_histories.TryGetValue(ns ?? "", out var history))
        {
            var cluster = await ConnectAsync(cancellationToken);
            _histories[ns ?? ""] = history = await new RolloutHistory(cluster, new(TimeProvider.System, Logger)).ReadContentsAsync(
                ns,
                cancellationToken
            );
        }

        return history;
    }

    /// <summary>Whether -Name and -LabelSelector select a record of a namespace. Reads the cluster only for -LabelSelector.</summary>
    /// <exception cref="CvException">The cluster could not be read.</exception>
    private protected async Task<Func<string, RolloutRecord, bool>> SelectionAsync(string? ns, CancellationToken cancellationToken)
    {
        var names = NamePatterns.Of(CV, Name);
        if (LabelSelector is null)
            return (_, record) => names.Matches(record.CV);
        if (!_labelled.TryGetValue(ns ?? "", out var labelled))
        {
            var found = await ContainerVersionLookup.FindAsync(
                await ConnectAsync(cancellationToken),
                ns,
                new NamePatterns([]),
                LabelSelector,
                e => WriteErrorAsync(e),
                cancellationToken
            );
            _labelled[ns ?? ""] = labelled = [.. found.Select(resource => (resource.Metadata.Namespace!, resource.Metadata.Name))];
        }

        return (recordNamespace, record) => names.Matches(record.CV) && labelled.Contains((recordNamespace, record.CV));
    }

    /// <summary>
    /// A removed ContainerVersion still has its history. An exact name without history must be the name of an existing one.
    /// </summary>
    private protected async Task ReportUnknownNamesAsync(
        string? ns,
        IReadOnlyList<HistoryContents> history,
        CancellationToken cancellationToken
    )
    {
        var unknown = NamePatterns
            .Of(CV, Name)
            .ExactNames.Where(name => !history.Any(contents => contents.Records.Any(record => record.CV == name)))
            .ToList();
        if (unknown.Count > 0)
            await ContainerVersionLookup.FindAsync(
                await ConnectAsync(cancellationToken),
                ns,
                new NamePatterns(unknown),
                null,
                e => WriteErrorAsync(e),
                cancellationToken
            );
    }
}
