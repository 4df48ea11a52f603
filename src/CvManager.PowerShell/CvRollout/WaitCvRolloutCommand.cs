using System.Management.Automation;
using CvManager.Cluster;
using Resource = CvManager.Resources.ContainerVersion;

namespace CvManager.PowerShell;

/// <summary>Waits until rollouts are finished. A failed rollout is a terminating error.</summary>
[Cmdlet(VerbsLifecycle.Wait, "CvRollout", DefaultParameterSetName = NamespaceSet, HelpUri = ProjectUri.Docs + "Wait-CvRollout.md")]
[OutputType(typeof(ContainerVersionInfo))]
public sealed class WaitCvRolloutCommand : MandatoryNameCmdlet
{
    private readonly List<Resource> _resources = [];

    /// <summary>The version to wait for, even if its rollout has not started yet.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? Version { get; set; }

    [Parameter]
    public SwitchParameter PassThru { get; set; }

    protected override bool ErrorsEndScript => true;

    /// <summary>A misspelled name must not look like a rollout that succeeded.</summary>
    private protected override Task ReportNotFoundAsync(CvException error) => throw error;

    /// <summary>Collects all input first, so that rollouts are waited for in parallel.</summary>
    protected override async Task ProcessRecordAsync(CancellationToken cancellationToken) =>
        _resources.AddRange(await FindAsync(cancellationToken));

    protected override async Task EndProcessingAsync(CancellationToken cancellationToken)
    {
        var cluster = await ConnectAsync(cancellationToken);
        using var others = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        List<Task> waits = [.. _resources.Select(resource => WaitAsync(cluster, resource, others.Token))];
        try
        {
            while (waits.Count > 0)
            {
                var ended = await Task.WhenAny(waits);
                waits.Remove(ended);
                await ended;
            }
        }
        finally
        {
            // The first failure stops the pipeline, and the other waits are cancelled.
            await others.CancelAsync();
            await Task.WhenAll(waits).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task WaitAsync(ClusterConnection cluster, Resource resource, CancellationToken cancellationToken)
    {
        var done = await RolloutProgress.WaitAsync(cluster, resource, Version, WriteProgress, cancellationToken);
        if (PassThru)
            await WriteObjectAsync(ContainerVersionInfo.Of(done));
    }
}
