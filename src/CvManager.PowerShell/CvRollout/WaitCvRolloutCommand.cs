using System.Management.Automation;
using CvManager.Cluster;
using CvManager.PowerShell.Completion;
using Resource = CvManager.Resources.ContainerVersion;

namespace CvManager.PowerShell;

/// <summary>Waits until ContainerVersions are on the version that they should be; a rollout that fails ends the pipeline with its reason.</summary>
[Cmdlet(VerbsLifecycle.Wait, "CvRollout", DefaultParameterSetName = NamespaceSet)]
[OutputType(typeof(ContainerVersionInfo))]
public sealed class WaitCvRolloutCommand : ContainerVersionCmdlet
{
    private readonly List<Resource> _resources = [];

    /// <summary>Names, wildcards allowed.</summary>
    [Parameter(Position = 0, Mandatory = true, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(ContainerVersionCompleter))]
    public string[] Name { get; set; } = [];

    /// <summary>The version to wait for, also where its rollout has not begun yet.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? Version { get; set; }

    [Parameter]
    public SwitchParameter PassThru { get; set; }

    /// <summary>What the pipeline names is gathered first, so that the waits are side by side.</summary>
    protected override async Task ProcessRecordAsync(CancellationToken cancellationToken) =>
        _resources.AddRange(await FindAsync(Name, cancellationToken));

    protected override async Task EndProcessingAsync(CancellationToken cancellationToken)
    {
        var cluster = await ConnectAsync(cancellationToken);
        using var rest = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        List<Task> waits = [.. _resources.Select(resource => WaitAsync(cluster, resource, rest.Token))];
        try
        {
            while (waits.Count > 0)
            {
                var ended = await Task.WhenAny(waits);
                waits.Remove(ended);
                await ended;
            }
        }
        catch (CvException e)
        {
            throw Terminating(e);
        }
        finally
        {
            // The first failure ends the pipeline; nobody waits for the others any more.
            await rest.CancelAsync();
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
