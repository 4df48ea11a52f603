using System.Management.Automation;
using CvManager.PowerShell.Completion;
using CvManager.Records;

namespace CvManager.PowerShell;

/// <summary>The past: what was rolled out, from and to which version, and how it ended.</summary>
[Cmdlet(VerbsCommon.Get, "CvRolloutHistory", DefaultParameterSetName = NamespaceSet)]
[OutputType(typeof(CvRolloutRecord))]
public sealed class GetCvRolloutHistoryCommand : ContainerVersionCmdlet
{
    // What the pipeline names is often of one namespace: its history is read once.
    private readonly Dictionary<string, IReadOnlyList<(string Namespace, RolloutRecord Record)>> _histories = [];

    // Several objects of the pipeline may mean the same record, which is shown once.
    private readonly HashSet<RolloutRecord> _written = new(ReferenceEqualityComparer.Instance);

    /// <summary>Names of ContainerVersions, wildcards allowed; left out, all.</summary>
    [Parameter(Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(ContainerVersionCompleter))]
    public string[] Name { get; set; } = [];

    /// <summary>Names of workloads, wildcards allowed; left out, all.</summary>
    [Parameter(ValueFromPipelineByPropertyName = true)]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(WorkloadCompleter))]
    public string[] Workload { get; set; } = [];

    /// <summary>Versions that were rolled out, wildcards allowed; left out, all.</summary>
    [Parameter]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    public string[] Version { get; set; } = [];

    /// <summary>Only what finished at this time or later.</summary>
    [Parameter]
    public DateTimeOffset? Since { get; set; }

    protected override async Task ProcessRecordAsync(CancellationToken cancellationToken)
    {
        var cluster = await ConnectAsync(cancellationToken);
        var ns = await ResolveNamespaceAsync(cancellationToken);
        if (!_histories.TryGetValue(ns ?? "", out var history))
            _histories[ns ?? ""] = history = await new RolloutHistory(cluster, TimeProvider.System, Logger).ReadAsync(ns, cancellationToken);

        var (names, workloads, versions) = (NamePatterns.Of(CV, Name), new NamePatterns(Workload), new NamePatterns(Version));
        var selected = LabelSelector is null ? null
            : (await ContainerVersionLookup.FindAsync(cluster, ns, new NamePatterns([]), LabelSelector, e => WriteErrorAsync(e), cancellationToken))
                .Select(resource => (resource.Metadata.Namespace!, resource.Metadata.Name)).ToHashSet();
        foreach (var (within, record) in history)
        {
            if (names.Matches(record.CV) && selected?.Contains((within, record.CV)) != false && workloads.Matches(record.Name) && versions.Matches(record.ToVersion)
                && (Since is null || record.Finished >= Since) && _written.Add(record))
            {
                await WriteObjectAsync(CvRolloutRecord.Of(within, record));
            }
        }

        // A ContainerVersion that is gone has its history still; one that has none yet must at least be there.
        var unknown = names.ExactNames.Where(name => !history.Any(one => one.Record.CV == name)).ToList();
        if (unknown.Count > 0)
            await ContainerVersionLookup.FindAsync(cluster, ns, new NamePatterns(unknown), null, e => WriteErrorAsync(e), cancellationToken);
    }
}
