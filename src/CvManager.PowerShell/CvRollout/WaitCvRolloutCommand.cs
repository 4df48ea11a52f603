using System.Management.Automation;
using CvManager.PowerShell.Completion;
using Resource = CvManager.Resources.ContainerVersion;

namespace CvManager.PowerShell;

/// <summary>Waits until rollouts are finished. A failed rollout is a terminating error.</summary>
[Cmdlet(VerbsLifecycle.Wait, "CvRollout", DefaultParameterSetName = NamespaceSet, HelpUri = ProjectUri.Docs + "Wait-CvRollout.md")]
[OutputType(typeof(ContainerVersionInfo))]
public sealed class WaitCvRolloutCommand : MandatoryNameCmdlet, IAnnotatesCILog
{
    private readonly List<Resource> _resources = [];
    private RolloutWaiter? _waiter;

    /// <summary>The version to wait for, even if its rollout has not started yet.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(RolloutVersionCompleter))]
    public string? Version { get; set; }

    [Parameter]
    public SwitchParameter PassThru { get; set; }

    /// <summary>The CI service in whose log errors and warnings also appear as annotations.</summary>
    [Parameter]
    public CIFormat CIFormat { get; set; }

    protected override bool ErrorsEndScript => true;

    /// <summary>A misspelled name must not look like a rollout that succeeded.</summary>
    private protected override Task ReportNotFoundAsync(CvException error) => throw error;

    /// <summary>Collects all input first, so that rollouts are waited for in parallel.</summary>
    protected override async Task ProcessRecordAsync(CancellationToken cancellationToken) =>
        _resources.AddRange(await FindAsync(cancellationToken));

    protected override async Task EndProcessingAsync(CancellationToken cancellationToken)
    {
        var cluster = await ConnectAsync(cancellationToken);
        if (_resources.Count == 0)
            throw RolloutWaiter.NothingToWaitFor(MyInvocation.MyCommand.Name);
        _waiter = new RolloutWaiter(cluster, TimeProvider.System, await CreateWaitOutputAsync(), WriteWarning);
        await InGroupAsync(
            RolloutWaiter.Title(_resources),
            () =>
                _waiter.WaitAsync(
                    [.. _resources.Select(resource => (resource, Version))],
                    Timeout,
                    done => PassThru ? WriteObjectAsync(ContainerVersionInfo.Of(done)) : Task.CompletedTask,
                    cancellationToken
                )
        );
    }

    private protected override CvException TimedOut(TimeSpan limit, Exception cancellation) =>
        _waiter?.TimedOut(limit) ?? base.TimedOut(limit, cancellation);
}
