using System.Management.Automation;
using CvManager.PowerShell.Completion;
using CvManager.Records;

namespace CvManager.PowerShell;

/// <summary>Shows finished rollouts: from and to which version, and their outcome.</summary>
[Cmdlet(VerbsCommon.Get, "CvRolloutHistory", DefaultParameterSetName = NamespaceSet, HelpUri = ProjectUri.Docs + "Get-CvRolloutHistory.md")]
[OutputType(typeof(CvRolloutRecord))]
public sealed class GetCvRolloutHistoryCommand : HistoryCmdlet
{
    // Several pipeline objects can refer to one record, which is written once.
    private readonly HashSet<RolloutRecord> _written = new(ReferenceEqualityComparer.Instance);

    /// <summary>Names of workloads. Wildcards are allowed; the default is all.</summary>
    [Parameter(ValueFromPipelineByPropertyName = true)]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    [TextListTransformation]
    [ArgumentCompleter(typeof(WorkloadCompleter))]
    public string[] Workload { get; set; } = [];

    /// <summary>Versions that were rolled out. Wildcards are allowed; the default is all.</summary>
    [Parameter]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    [TextListTransformation]
    [ArgumentCompleter(typeof(HistoryVersionCompleter))]
    public string[] Version { get; set; } = [];

    protected override async Task ProcessRecordAsync(CancellationToken cancellationToken)
    {
        var ns = await ResolveNamespaceAsync(cancellationToken);
        var history = await ReadHistoryAsync(ns, cancellationToken);
        var (workloads, versions) = (new NamePatterns(Workload), new NamePatterns(Version));
        var isSelected = await SelectionAsync(ns, cancellationToken);
        // In all namespaces, the records of a namespace are together, for the view.
        foreach (
            var (recordNamespace, record) in history
                .SelectMany(contents => contents.Records.Select(record => (contents.Namespace, Record: record)))
                .OrderBy(entry => entry.Namespace, StringComparer.Ordinal)
                .ThenByDescending(entry => entry.Record.Finished)
                .ThenByDescending(entry => entry.Record.Id, StringComparer.Ordinal)
                .ThenBy(entry => entry.Record.Kind, StringComparer.Ordinal)
                .ThenBy(entry => entry.Record.Name, StringComparer.Ordinal)
        )
        {
            if (
                isSelected(recordNamespace, record)
                && workloads.Matches(record.Name)
                && versions.Matches(record.ToVersion)
                && (Since is null || record.Finished >= Since)
                && _written.Add(record)
            )
            {
                await WriteObjectAsync(CvRolloutRecord.Of(recordNamespace, record));
            }
        }

        await ReportUnknownNamesAsync(ns, history, cancellationToken);
    }
}
