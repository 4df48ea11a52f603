using System.Management.Automation;
using CvManager.Cluster;
using CvManager.Resources;

namespace CvManager.PowerShell;

/// <summary>Installs the custom resource definition in a cluster, or returns it as YAML.</summary>
[Cmdlet(
    VerbsLifecycle.Install,
    "CvController",
    DefaultParameterSetName = InstallSet,
    SupportsShouldProcess = true,
    HelpUri = ProjectUri.Docs + "Install-CvController.md"
)]
[OutputType(typeof(CvControllerObject), ParameterSetName = [InstallSet])]
[OutputType(typeof(string), ParameterSetName = [YamlSet])]
public sealed class InstallCvControllerCommand : ClusterCmdlet
{
    private const string InstallSet = "Install";
    private const string YamlSet = "AsYaml";

    /// <summary>Installs only the custom resource definition.</summary>
    [Parameter]
    public SwitchParameter CrdOnly { get; set; }

    /// <summary>Returns the manifest, without connecting to a cluster.</summary>
    [Parameter(Mandatory = true, ParameterSetName = YamlSet)]
    public SwitchParameter AsYaml { get; set; }

    [Parameter(ParameterSetName = InstallSet)]
    public SwitchParameter PassThru { get; set; }

    /// <summary>Not a mandatory parameter, because a prompt for a switch cannot be answered in an obvious way.</summary>
    protected override Task BeginProcessingAsync(CancellationToken cancellationToken) =>
        CrdOnly
            ? Task.CompletedTask
            : throw new CvException(
                CmdletErrorIds.CrdOnlyRequired,
                CvErrorKind.NotSupported,
                "This version installs the custom resource definition, but not the controller.",
                "Add -CrdOnly. To run the controller in a cluster, see Get-Help about_CvController."
            );

    protected override async Task ProcessRecordAsync(CancellationToken cancellationToken)
    {
        if (AsYaml)
        {
            await WriteObjectAsync(CustomResourceDefinition.Yaml);
            return;
        }

        var cluster = await ConnectAsync(cancellationToken);
        var server = cluster.Server.ToString().TrimEnd('/');
        if (!await ShouldProcessAsync($"{CustomResourceDefinition.Name} at {server}", "Install custom resource definition"))
            return;
        var outcome = await CrdInstallation.InstallAsync(cluster, TimeProvider.System, cancellationToken);
        WriteVerbose($"{CustomResourceDefinition.Name}: {outcome}.");
        if (PassThru)
        {
            await WriteObjectAsync(
                new CvControllerObject
                {
                    Kind = "CustomResourceDefinition",
                    Name = CustomResourceDefinition.Name,
                    Outcome = outcome.ToString(),
                    Server = server,
                }
            );
        }
    }
}
