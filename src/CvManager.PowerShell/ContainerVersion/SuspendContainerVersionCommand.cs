using System.Management.Automation;
using CvManager.Rollouts;
using Resource = CvManager.Resources.ContainerVersion;

namespace CvManager.PowerShell;

/// <summary>Suspends ContainerVersions: nothing is rolled out until they are resumed.</summary>
[Cmdlet(
    VerbsLifecycle.Suspend,
    "ContainerVersion",
    DefaultParameterSetName = NamespaceSet,
    SupportsShouldProcess = true,
    HelpUri = ProjectUri.Docs + "Suspend-ContainerVersion.md"
)]
[OutputType(typeof(ContainerVersionInfo))]
public sealed class SuspendContainerVersionCommand : HoldCmdlet
{
    private protected override string Action => "Suspend ContainerVersion";

    private protected override Task<Resource> ChangeAsync(ResourceHolds holds, Resource resource, CancellationToken cancellationToken) =>
        holds.SuspendAsync(resource, Reason, cancellationToken);
}
