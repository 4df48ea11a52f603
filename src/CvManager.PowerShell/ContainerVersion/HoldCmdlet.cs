using System.Management.Automation;
using CvManager.Cluster;
using CvManager.PowerShell.Completion;
using CvManager.Rollouts;
using Resource = CvManager.Resources.ContainerVersion;

namespace CvManager.PowerShell;

/// <summary>The base class of cmdlets that suspend or resume ContainerVersions (R7).</summary>
public abstract class HoldCmdlet : MandatoryNameCmdlet
{
    /// <summary>The reason, which appears in the status of the resource and in an event.</summary>
    [Parameter]
    [ValidateLength(1, 512)]
    [ArgumentCompleter(typeof(FreeTextCompleter))]
    public string? Reason { get; set; }

    [Parameter]
    public SwitchParameter PassThru { get; set; }

    /// <summary>The action in messages of -WhatIf and -Confirm.</summary>
    private protected abstract string Action { get; }

    protected override async Task ProcessRecordAsync(CancellationToken cancellationToken)
    {
        var cluster = await ConnectAsync(cancellationToken);
        var holds = new ResourceHolds(cluster, new(TimeProvider.System, Logger), await ClusterUser.FindAsync(cluster, cancellationToken));
        foreach (var resource in await FindAsync(cancellationToken))
        {
            if (!await ShouldProcessAsync(resource.Key, Action))
                continue;
            try
            {
                var changed = await ChangeAsync(holds, resource, cancellationToken);
                if (PassThru)
                    await WriteObjectAsync(ContainerVersionInfo.Of(changed));
            }
            catch (CvException e)
            {
                await WriteErrorAsync(e, resource.Key);
            }
        }
    }

    private protected abstract Task<Resource> ChangeAsync(ResourceHolds holds, Resource resource, CancellationToken cancellationToken);
}
