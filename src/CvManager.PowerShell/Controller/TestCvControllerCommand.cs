using System.Management.Automation;
using CvManager.Installation;
using CvManager.PowerShell.Completion;

namespace CvManager.PowerShell;

/// <summary>Tests whether a controller works in the cluster, and shows which one.</summary>
[Cmdlet(VerbsDiagnostic.Test, "CvController", HelpUri = ProjectUri.Docs + "Test-CvController.md")]
[OutputType(typeof(CvControllerStatus), typeof(bool))]
public sealed class TestCvControllerCommand : ClusterCmdlet
{
    /// <summary>The namespace of the controller.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(NamespaceCompleter))]
    public string ControllerNamespace { get; set; } = InstallationOptions.DefaultNamespace;

    /// <summary>Returns only true or false, and no error.</summary>
    [Parameter]
    public SwitchParameter Quiet { get; set; }

    protected override async Task ProcessRecordAsync(CancellationToken cancellationToken)
    {
        var cluster = await ConnectAsync(cancellationToken);
        ControllerHealth health;
        try
        {
            health = await ControllerHealthReader.ReadAsync(cluster, ControllerNamespace, TimeProvider.System, cancellationToken);
        }
        catch (CvException e) when (Quiet)
        {
            WriteVerbose(e.Message);
            await WriteObjectAsync(false);
            return;
        }

        if (Quiet)
        {
            await WriteObjectAsync(health.IsReady);
            return;
        }

        await WriteObjectAsync(CvControllerStatus.Of(health));
        if (health.ToError() is { } error)
            await WriteErrorAsync(error);
    }
}
