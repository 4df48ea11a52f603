using System.Management.Automation;
using CvManager.PowerShell.Completion;
using CvManager.Workloads;

namespace CvManager.PowerShell;

/// <summary>Shows the progress of rollouts for each workload.</summary>
[Cmdlet(VerbsCommon.Get, "CvRollout", DefaultParameterSetName = NamespaceSet)]
[OutputType(typeof(CvRollout))]
public sealed class GetCvRolloutCommand : ContainerVersionCmdlet
{
    // Read once for each namespace: pipeline input often comes from one namespace.
    private readonly Dictionary<string, IReadOnlyList<Workload>> _workloads = [];

    /// <summary>Names of ContainerVersions. Wildcards are allowed; the default is all.</summary>
    [Parameter(Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(ContainerVersionCompleter))]
    public string[] Name { get; set; } = [];

    /// <summary>Returns only rollouts that are in progress.</summary>
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
