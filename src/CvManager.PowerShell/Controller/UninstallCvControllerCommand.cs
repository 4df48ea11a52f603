using System.Management.Automation;
using CvManager.Installation;

namespace CvManager.PowerShell;

/// <summary>Removes the controller from a cluster. Workloads, ContainerVersions and histories stay.</summary>
[Cmdlet(
    VerbsLifecycle.Uninstall,
    "CvController",
    SupportsShouldProcess = true,
    ConfirmImpact = ConfirmImpact.High,
    HelpUri = ProjectUri.Docs + "Uninstall-CvController.md"
)]
[OutputType(typeof(CvControllerObject))]
public sealed class UninstallCvControllerCommand : InstallationCmdlet
{
    /// <summary>Also removes the custom resource definition, and all ContainerVersions with it.</summary>
    [Parameter]
    public SwitchParameter IncludeCrd { get; set; }

    protected override async Task ProcessRecordAsync(CancellationToken cancellationToken)
    {
        var cluster = await ConnectAsync(cancellationToken);
        var steps = await new ControllerInstallation(cluster, TimeProvider.System).PrepareRemovalAsync(
            ControllerNamespace,
            IncludeCrd,
            cancellationToken
        );
        // One question for all: a controller without its permissions is of no use.
        var action = IncludeCrd
            ? "Uninstall the controller and remove all ContainerVersions (workloads are not changed)"
            : "Uninstall the controller (workloads and ContainerVersions are not changed)";
        if (await ShouldProcessAsync($"{string.Join(", ", steps)} at {cluster.Server.ToString().TrimEnd('/')}", action))
            await ExecuteAsync(cluster, steps, _ => Task.FromResult(true), cancellationToken);
    }
}
