using System.Runtime.InteropServices;
using CvManager.Cluster;
using CvManager.Controller;
using CvManager.Registries;
using Microsoft.Extensions.Logging;

namespace CvManager.PowerShell;

/// <summary>The controller, for as long as a cmdlet or the process lasts.</summary>
internal static class ControllerRun
{
    /// <summary>
    /// Works until the token is cancelled (Ctrl-C), or SIGTERM comes: then it ends as if by itself, so that the pod's process exits with 0.
    /// A second signal has its usual effect.
    /// </summary>
    /// <param name="stopped">Called when SIGTERM has come.</param>
    public static async Task RunAsync(ClusterConnection cluster, RegistryCatalog registries, ControllerOptions options, ILogger logger, Func<ReconcileResult, CancellationToken, Task> output,
        Action stopped, CancellationToken cancellationToken)
    {
        using CancellationTokenSource stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, context =>
        {
            if (stop.IsCancellationRequested)
                return;
            context.Cancel = true;
            stopped();
            stop.Cancel();
        });
        using ContainerVersionController controller = new(cluster, registries, options, TimeProvider.System, logger, output);
        await controller.RunAsync(stop.Token);
    }
}
