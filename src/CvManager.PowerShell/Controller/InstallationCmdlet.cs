using System.Management.Automation;
using CvManager.Cluster;
using CvManager.Installation;
using CvManager.PowerShell.Completion;

namespace CvManager.PowerShell;

/// <summary>The base class of the cmdlets that install and remove the controller: carries out its steps.</summary>
public abstract class InstallationCmdlet : ClusterCmdlet
{
    /// <summary>The namespace of the controller.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    [ArgumentCompleter(typeof(NamespaceCompleter))]
    public string ControllerNamespace { get; set; } = InstallationOptions.DefaultNamespace;

    [Parameter]
    public SwitchParameter PassThru { get; set; }

    /// <summary>What follows in a script expects the controller, or its absence.</summary>
    protected override bool ErrorsEndScript => true;

    /// <param name="approve">Asks about one step; false to skip it.</param>
    /// <returns>False if a step was skipped.</returns>
    private protected async Task<bool> ExecuteAsync(
        ClusterConnection cluster,
        IReadOnlyList<InstallationStep> steps,
        Func<InstallationStep, Task<bool>> approve,
        CancellationToken cancellationToken
    )
    {
        ControllerInstallation installation = new(cluster, TimeProvider.System);
        var isComplete = true;
        for (var i = 0; i < steps.Count; i++)
        {
            if (!await approve(steps[i]))
            {
                isComplete = false;
                continue;
            }

            try
            {
                var outcome = await installation.ExecuteAsync(steps[i], cancellationToken);
                WriteVerbose($"{steps[i]}: {outcome}.");
                if (PassThru)
                    await WriteObjectAsync(CvControllerObject.Of(steps[i], outcome, cluster));
            }
            catch (CvException e)
            {
                throw ControllerInstallation.Incomplete(steps, i, e);
            }
        }

        return isComplete;
    }
}
