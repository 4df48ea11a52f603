using System.Management.Automation;
using CvManager.Cluster;
using CvManager.PowerShell.Completion;
using CvManager.Records;
using CvManager.Rollouts;
using Resource = CvManager.Resources.ContainerVersion;

namespace CvManager.PowerShell;

/// <summary>Goes back to a former version, and stays on it until the ContainerVersion is resumed.</summary>
[Cmdlet(VerbsLifecycle.Invoke, "CvRollback", DefaultParameterSetName = PreviousSet, SupportsShouldProcess = true)]
[OutputType(typeof(ContainerVersionInfo))]
public sealed class InvokeCvRollbackCommand : ClusterCmdlet
{
    private const string PreviousSet = "Previous";
    private const string VersionSet = "Version";
    private const string RecordSet = "Record";

    private readonly ContainerVersionSelection _asked = new();

    /// <summary>Names, wildcards allowed.</summary>
    [Parameter(Position = 0, Mandatory = true, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(ContainerVersionCompleter))]
    public string[] Name { get; set; } = [];

    /// <summary>Of the pipeline's objects: a workload has a name of its own, and this is what it means here.</summary>
    [Parameter(ValueFromPipelineByPropertyName = true, DontShow = true)]
    public string? CV { get; set; }

    /// <summary>Left out, the context's own namespace.</summary>
    [Parameter(ValueFromPipelineByPropertyName = true)]
    [ArgumentCompleter(typeof(NamespaceCompleter))]
    [ValidateNotNullOrEmpty]
    public string? Namespace { get; set; }

    /// <summary>A version tag, or a digest where there are no version tags.</summary>
    [Parameter(Mandatory = true, ParameterSetName = VersionSet)]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(RollbackVersionCompleter))]
    public string ToVersion { get; set; } = "";

    /// <summary>The id of a record of the history: its version.</summary>
    [Parameter(Mandatory = true, ParameterSetName = RecordSet, ValueFromPipelineByPropertyName = true)]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(RollbackRecordCompleter))]
    public string ToRecord { get; set; } = "";

    /// <summary>Why; it stands in the resource's status, in the history and in an event.</summary>
    [Parameter]
    [ValidateLength(1, 512)]
    public string? Reason { get; set; }

    /// <summary>Waits until the workloads are on the version; a controller must be at work.</summary>
    [Parameter]
    public SwitchParameter Wait { get; set; }

    [Parameter]
    public SwitchParameter PassThru { get; set; }

    protected override async Task ProcessRecordAsync(CancellationToken cancellationToken)
    {
        var cluster = await ConnectAsync(cancellationToken);
        var ns = Namespace ?? cluster.DefaultNamespace;
        // Once for each, however many workloads it has: going back twice goes back further.
        foreach (var resource in await _asked.FindAsync(cluster, ns, CV, Name, null, e => WriteErrorAsync(e), cancellationToken))
        {
            try
            {
                await RollBackAsync(cluster, resource, cancellationToken);
            }
            catch (CvException e)
            {
                await WriteErrorAsync(e, resource.Key);
            }
        }
    }

    private async Task RollBackAsync(ClusterConnection cluster, Resource resource, CancellationToken cancellationToken)
    {
        var version = await TargetAsync(cluster, resource, cancellationToken);
        using (var scope = new ReconcilerScope(cluster, await OnPipelineAsync(() => SessionMemory.Current)))
        {
            // What the registry no longer has cannot be gone back to: better said now than when pods cannot pull it.
            var snapshot = await scope.Reconciler.ReadAsync(resource.Metadata.Namespace, cancellationToken);
            var pinned = resource with { Spec = resource.Spec with { PinVersion = version } };
            var found = await scope.Versions.FindPinnedAsync(pinned, snapshot.Around(pinned), cancellationToken);
            // OnDemandVersions waits for the registry's answer.
            RollbackTarget.ThrowIfQuarantined(resource, version, found!.Digest);
        }

        if (!await ShouldProcessAsync(resource.Key, $"Pin to version {version} (current version: {RollbackTarget.Present(resource) ?? "none"})"))
            return;
        var who = await ClusterUser.FindAsync(cluster, cancellationToken);
        var changed = await new ResourceHolds(cluster, TimeProvider.System, Logger, who).PinAsync(resource, version, Reason, cancellationToken);
        if (Wait)
            changed = await RolloutProgress.WaitAsync(cluster, changed, version, WriteProgress, cancellationToken);
        if (PassThru)
            await WriteObjectAsync(ContainerVersionInfo.Of(changed));
    }

    private async Task<string> TargetAsync(ClusterConnection cluster, Resource resource, CancellationToken cancellationToken)
    {
        if (ParameterSetName == VersionSet)
            return ToVersion;
        var history = await new RolloutHistory(cluster, TimeProvider.System, Logger).ReadAsync(resource.Metadata.Namespace, cancellationToken);
        var records = history.Select(one => one.Record).Where(record => record.CV == resource.Metadata.Name).ToList();
        return ParameterSetName == RecordSet ? RollbackTarget.OfRecord(resource, records, ToRecord) : RollbackTarget.Previous(resource, records);
    }
}
