using System.Management.Automation;
using CvManager.Rollouts;
using Resource = CvManager.Resources.ContainerVersion;

namespace CvManager.PowerShell;

/// <summary>Lets ContainerVersions follow their tags again: clears suspension, pin and quarantine.</summary>
[Cmdlet(
    VerbsLifecycle.Resume,
    "ContainerVersion",
    DefaultParameterSetName = NamespaceSet,
    SupportsShouldProcess = true,
    HelpUri = ProjectUri.Docs + "Resume-ContainerVersion.md"
)]
[OutputType(typeof(ContainerVersionInfo))]
public sealed class ResumeContainerVersionCommand : HoldCmdlet
{
    private protected override string Action => "Resume ContainerVersion: clear suspension, pin and quarantine";

    private protected override Task<Resource> ChangeAsync(ResourceHolds holds, Resource resource, CancellationToken cancellationToken) =>
        holds.ResumeAsync(resource, Reason, cancellationToken);
}
