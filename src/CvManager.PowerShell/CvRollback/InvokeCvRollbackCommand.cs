using System.Management.Automation;
using CvManager.Cluster;
using CvManager.PowerShell.Completion;
using CvManager.Records;
using CvManager.Rollouts;
using Resource = CvManager.Resources.ContainerVersion;

namespace CvManager.PowerShell;

/// <summary>Rolls back to a former version, and stays on it until the ContainerVersion is resumed.</summary>
[Cmdlet(
    VerbsLifecycle.Invoke,
    "CvRollback",
    DefaultParameterSetName = PreviousSet,
    SupportsShouldProcess = true,
    HelpUri = ProjectUri.Docs + "Invoke-CvRollback.md"
)]
[OutputType(typeof(ContainerVersionInfo))]
public sealed class InvokeCvRollbackCommand : ClusterCmdlet, IAnnotatesCILog
{
    private const string PreviousSet = "Previous";
    private const string VersionSet = "Version";
    private const string RecordSet = "Record";

    private readonly ContainerVersionSelection _selection = new();
    private readonly List<(Resource Resource, string? Version)> _changed = [];
    private RolloutWaiter? _waiter;
    private bool _hasSelected;

    /// <summary>With -Wait: the first error, which ends the script after the others have been waited for.</summary>
    private (CvException Error, string? Target)? _failure;

    /// <summary>Names. Wildcards are allowed.</summary>
    [Parameter(Position = 0, Mandatory = true, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [TextTransformation]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    [TextListTransformation]
    [ArgumentCompleter(typeof(ContainerVersionCompleter))]
    public string[] Name { get; set; } = [];

    /// <summary>Bound to the CV property of a workload from the pipeline, which takes precedence over the name of the workload.</summary>
    [Parameter(ValueFromPipelineByPropertyName = true, DontShow = true)]
    [ArgumentCompleter(typeof(ContainerVersionCompleter))]
    public string? CV { get; set; }

    /// <summary>The namespace; the default is the namespace of the context.</summary>
    [Parameter(ValueFromPipelineByPropertyName = true)]
    [ArgumentCompleter(typeof(NamespaceCompleter))]
    [ValidateNotNullOrEmpty]
    public string? Namespace { get; set; }

    /// <summary>A version tag, or a digest.</summary>
    [Parameter(Mandatory = true, ParameterSetName = VersionSet)]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(RollbackVersionCompleter))]
    public string ToVersion { get; set; } = "";

    /// <summary>The id of a record in the history whose version to roll back to.</summary>
    [Parameter(Mandatory = true, ParameterSetName = RecordSet, ValueFromPipelineByPropertyName = true)]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(RollbackRecordCompleter))]
    public string ToRecord { get; set; } = "";

    /// <summary>The reason, which appears in the status of the resource, in the history, and in an event.</summary>
    [Parameter]
    [ValidateLength(1, 512)]
    [ArgumentCompleter(typeof(FreeTextCompleter))]
    public string? Reason { get; set; }

    /// <summary>Waits until the workloads are on the version. A controller must be running.</summary>
    [Parameter]
    public SwitchParameter Wait { get; set; }

    [Parameter]
    public SwitchParameter PassThru { get; set; }

    /// <summary>The CI service in whose log errors and warnings also appear as annotations.</summary>
    [Parameter]
    public CIFormat CIFormat { get; set; }

    /// <summary>A rollback that is waited for and fails, fails the step of a pipeline.</summary>
    protected override bool ErrorsEndScript => Wait;

    protected override async Task ProcessRecordAsync(CancellationToken cancellationToken)
    {
        var cluster = await ConnectAsync(cancellationToken);
        var ns = Namespace ?? cluster.DefaultNamespace;
        // Once for each ContainerVersion, because a second rollback would go back further.
        foreach (var resource in await _selection.FindAsync(cluster, ns, CV, Name, null, e => FailAsync(e, null), cancellationToken))
        {
            _hasSelected = true;
            try
            {
                await RollBackAsync(cluster, resource, cancellationToken);
            }
            catch (CvException e)
            {
                await FailAsync(e, resource.Key);
            }
        }
    }

    private async Task RollBackAsync(ClusterConnection cluster, Resource resource, CancellationToken cancellationToken)
    {
        var version = await TargetAsync(cluster, resource, cancellationToken);
        using (var scope = new ReconcilerScope(cluster, await OnPipelineAsync(() => SessionMemory.Current), Logger))
        {
            // Checks that the registry still has the image, before pods fail to pull it.
            var snapshot = await scope.Reconciler.ReadAsync(resource.Metadata.Namespace, cancellationToken);
            var pinned = resource with { Spec = resource.Spec with { PinVersion = version } };
            var found = await scope.Versions.FindPinnedAsync(pinned, snapshot.Around(pinned), cancellationToken);
            // OnDemandVersions waits for the registry, so that the result is never null.
            RollbackTarget.ThrowIfQuarantined(resource, version, found!.Digest);
        }

        if (
            !await ShouldProcessAsync(
                resource.Key,
                $"Pin to version {version} (current version: {RollbackTarget.Present(resource) ?? "none"})"
            )
        )
            return;
        var who = await ClusterUser.FindAsync(cluster, cancellationToken);
        var changed = await new ResourceHolds(cluster, new(TimeProvider.System, Logger), who).PinAsync(
            resource,
            version,
            Reason,
            cancellationToken
        );
        if (Wait)
            _changed.Add((changed, version));
        else if (PassThru)
            await WriteObjectAsync(ContainerVersionInfo.Of(changed));
    }

    /// <summary>All are pinned before any is waited for, so that one that fails does not keep the others on the bad version.</summary>
    protected override async Task EndProcessingAsync(CancellationToken cancellationToken)
    {
        try
        {
            if (_changed.Count > 0)
                await WaitAsync(cancellationToken);
        }
        catch when (_failure is not null)
        {
            // The error of the wait ends the script.
            await WriteErrorAsync(_failure.Value.Error, _failure.Value.Target);
            throw;
        }

        if (_failure is { } failure)
            throw Terminating(failure.Error, failure.Target);
        if (Wait && !_hasSelected)
            throw Terminating(RolloutWaiter.NothingToWaitFor(MyInvocation.MyCommand.Name));
    }

    private async Task WaitAsync(CancellationToken cancellationToken)
    {
        var cluster = await ConnectAsync(cancellationToken);
        _waiter = new RolloutWaiter(cluster, TimeProvider.System, await CreateWaitOutputAsync(), WriteWarning);
        await InGroupAsync(
            RolloutWaiter.Title([.. _changed.Select(item => item.Resource)]),
            () =>
                _waiter.WaitAsync(
                    _changed,
                    Timeout,
                    done => PassThru ? WriteObjectAsync(ContainerVersionInfo.Of(done)) : Task.CompletedTask,
                    cancellationToken
                )
        );
    }

    private async Task FailAsync(CvException error, string? target)
    {
        if (Wait && _failure is null)
            _failure = (error, target);
        else
            await WriteErrorAsync(error, target);
    }

    private protected override CvException TimedOut(TimeSpan limit, Exception cancellation) =>
        _waiter?.TimedOut(limit) ?? base.TimedOut(limit, cancellation);

    private async Task<string> TargetAsync(ClusterConnection cluster, Resource resource, CancellationToken cancellationToken)
    {
        if (ParameterSetName == VersionSet)
            return ToVersion;
        var history = await new RolloutHistory(cluster, new(TimeProvider.System, Logger)).ReadAsync(
            resource.Metadata.Namespace,
            cancellationToken
        );
        var records = history.Select(entry => entry.Record).Where(record => record.CV == resource.Metadata.Name).ToList();
        return ParameterSetName == RecordSet
            ? RollbackTarget.OfRecord(resource, records, ToRecord)
            : RollbackTarget.Previous(resource, records);
    }
}
