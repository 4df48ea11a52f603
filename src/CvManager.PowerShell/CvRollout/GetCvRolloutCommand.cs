using System.Management.Automation;
using CvManager.PowerShell.Completion;
using CvManager.Workloads;

namespace CvManager.PowerShell;

/// <summary>How far rollouts have got, workload by workload.</summary>
[Cmdlet(VerbsCommon.Get, "CvRollout", DefaultParameterSetName = NamespaceSet)]
[OutputType(typeof(CvRollout))]
public sealed class GetCvRolloutCommand : ContainerVersionCmdlet
{
    // Read once for each namespace: what the pipeline names is often of one.
    private readonly Dictionary<string, IReadOnlyList<Workload>> _workloads = [];

    /// <summary>Names of ContainerVersions, wildcards allowed; left out, all.</summary>
    [Parameter(Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(ContainerVersionCompleter))]
    public string[] Name { get; set; } = [];

    /// <summary>Only rollouts that go on.</summary>
    [Parameter]
    public SwitchParameter InProgress { get; set; }

    protected override async Task ProcessRecordAsync(CancellationToken cancellationToken)
    {
        var cluster = await ConnectAsync(cancellationToken);
        var ns = await ResolveNamespaceAsync(cancellationToken);
        var resources = await FindAsync(Name, cancellationToken);
        if (!_workloads.TryGetValue(ns ?? "", out var workloads))
            _workloads[ns ?? ""] = workloads = await new WorkloadStore(cluster).ListAsync(ns, cancellationToken);
        foreach (var rollout in resources.SelectMany(resource => CvRollout.Of(resource, workloads)))
        {
            if (!InProgress || rollout.Finished is null)
                await WriteObjectAsync(rollout);
        }
    }
}
