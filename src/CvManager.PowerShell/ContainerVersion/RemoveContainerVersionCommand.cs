using System.Management.Automation;
using CvManager.Cluster;

namespace CvManager.PowerShell;

/// <summary>Removes ContainerVersions. Their workloads and history are not changed.</summary>
[Cmdlet(
    VerbsCommon.Remove,
    "ContainerVersion",
    DefaultParameterSetName = NamespaceSet,
    SupportsShouldProcess = true,
    ConfirmImpact = ConfirmImpact.High,
    HelpUri = ProjectUri.Docs + "Remove-ContainerVersion.md"
)]
[OutputType(typeof(ContainerVersionInfo))]
public sealed class RemoveContainerVersionCommand : MandatoryNameCmdlet
{
    [Parameter]
    public SwitchParameter PassThru { get; set; }

    protected override async Task ProcessRecordAsync(CancellationToken cancellationToken)
    {
        var cluster = await ConnectAsync(cancellationToken);
        foreach (var resource in await FindAsync(cancellationToken))
        {
            if (!await ShouldProcessAsync(resource.Key, "Remove ContainerVersion (its workloads are not changed)"))
                continue;
            try
            {
                await new ContainerVersionStore(cluster).DeleteAsync(
                    resource.Metadata.Namespace!,
                    resource.Metadata.Name,
                    cancellationToken
                );
                if (PassThru)
                    await WriteObjectAsync(ContainerVersionInfo.Of(resource));
            }
            catch (CvException e) when (e.ErrorId != ErrorIds.ResourceNotFound)
            {
                await WriteErrorAsync(e, resource.Key);
            }
            catch (CvException)
            {
                // Another client deleted it first, which is the desired outcome.
                WriteVerbose($"{resource.Key} was already removed.");
            }
        }
    }
}
