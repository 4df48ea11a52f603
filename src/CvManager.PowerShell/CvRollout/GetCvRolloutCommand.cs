using System.Management.Automation;
using CvManager.Rollouts;
using CvManager.Workloads;

namespace CvManager.PowerShell;

/// <summary>Shows the progress of rollouts for each workload.</summary>
[Cmdlet(VerbsCommon.Get, "CvRollout", DefaultParameterSetName = NamespaceSet, HelpUri = ProjectUri.Docs + "Get-CvRollout.md")]
[OutputType(typeof(CvRollout))]
public sealed class GetCvRolloutCommand : OptionalNameCmdlet
{
    // Read once for each namespace: pipeline input often comes from one namespace.
    private readonly Dictionary<string, IReadOnlyList<Workload>> _workloads = [];

    /// <summary>Returns only rollouts that are in progress.</summary>
    [Parameter]
    public SwitchParameter InProgress { get; set; }

    protected override async Task ProcessRecordAsync(CancellationToken cancellationToken)
    {
        var cluster = await ConnectAsync(cancellationToken);
        var ns = await ResolveNamespaceAsync(cancellationToken);
        var resources = await FindAsync(cancellationToken);
        if (!_workloads.TryGetValue(ns ?? "", out var workloads))
            _workloads[ns ?? ""] = workloads = await new WorkloadStore(cluster).ListAsync(ns, cancellationToken);
        var unreconciled = resources
            .Select(resource => new RolloutState { Resource = resource })
            .Where(state => !state.IsReconciled)
            .ToList();
        if (unreconciled.Count > 0)
            WriteWarning($"{RolloutWaiter.DescribeUnreconciled(unreconciled)}. A rollout that is shown is an earlier one.");
        foreach (var rollout in resources.SelectMany(resource => CvRollout.Of(resource, workloads)))
        {
            if (!InProgress || rollout.Finished is null)
                await WriteObjectAsync(rollout);
        }
    }
}
