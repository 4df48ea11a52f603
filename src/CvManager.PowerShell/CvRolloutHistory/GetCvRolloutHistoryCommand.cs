using System.Management.Automation;
using CvManager.PowerShell.Completion;
using CvManager.Records;

namespace CvManager.PowerShell;

/// <summary>Shows finished rollouts: from and to which version, and their outcome.</summary>
[Cmdlet(VerbsCommon.Get, "CvRolloutHistory", DefaultParameterSetName = NamespaceSet, HelpUri = ProjectUri.Docs + "Get-CvRolloutHistory.md")]
[OutputType(typeof(CvRolloutRecord))]
public sealed class GetCvRolloutHistoryCommand : OptionalNameCmdlet
{
    // Read once for each namespace: pipeline input often comes from one namespace.
    private readonly Dictionary<string, IReadOnlyList<(string Namespace, RolloutRecord Record)>> _histories = [];

    // Several pipeline objects can refer to one record, which is written once.
    private readonly HashSet<RolloutRecord> _written = new(ReferenceEqualityComparer.Instance);

    /// <summary>Names of workloads. Wildcards are allowed; the default is all.</summary>
    [Parameter(ValueFromPipelineByPropertyName = true)]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(WorkloadCompleter))]
    public string[] Workload { get; set; } = [];

    /// <summary>Versions that were rolled out. Wildcards are allowed; the default is all.</summary>
    [Parameter]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(HistoryVersionCompleter))]
    public string[] Version { get; set; } = [];

    /// <summary>Returns only rollouts that finished at this time or later; a duration means that long ago.</summary>
    [Parameter]
    [TimeTransformation]
    [ArgumentCompleter(typeof(FreeTextCompleter))]
    public DateTimeOffset? Since { get; set; }

    protected override async Task ProcessRecordAsync(CancellationToken cancellationToken)
    {
        var cluster = await ConnectAsync(cancellationToken);
        var ns = await ResolveNamespaceAsync(cancellationToken);
        if (!_histories.TryGetValue(ns ?? "", out var history))
            _histories[ns ?? ""] = history = await new RolloutHistory(cluster, new(TimeProvider.System, Logger)).ReadAsync(
                ns,
                cancellationToken
            );

        var (names, workloads, versions) = (NamePatterns.Of(CV, Name), new NamePatterns(Workload), new NamePatterns(Version));
        var selected = LabelSelector is null
            ? null
            : (
                await ContainerVersionLookup.FindAsync(
                    cluster,
                    ns,
                    new NamePatterns([]),
                    LabelSelector,
                    e => WriteErrorAsync(e),
                    cancellationToken
                )
            )
                .Select(resource => (resource.Metadata.Namespace!, resource.Metadata.Name))
                .ToHashSet();
        // In all namespaces, the records of a namespace are together, for the view. A stable sort: the newest stay first.
        foreach (var (recordNamespace, record) in history.OrderBy(entry => entry.Namespace, StringComparer.Ordinal))
        {
            if (
                names.Matches(record.CV)
                && selected?.Contains((recordNamespace, record.CV)) != false
                && workloads.Matches(record.Name)
                && versions.Matches(record.ToVersion)
                && (Since is null || record.Finished >= Since)
                && _written.Add(record)
            )
            {
                await WriteObjectAsync(CvRolloutRecord.Of(recordNamespace, record));
            }
        }

        // A removed ContainerVersion still has its history. An exact name without history must be the name of an existing one.
        var unknown = names.ExactNames.Where(name => !history.Any(entry => entry.Record.CV == name)).ToList();
        if (unknown.Count > 0)
            await ContainerVersionLookup.FindAsync(
                cluster,
                ns,
                new NamePatterns(unknown),
                null,
                e => WriteErrorAsync(e),
                cancellationToken
            );
    }
}
