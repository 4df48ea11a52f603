using System.Management.Automation.Runspaces;
using System.Runtime.InteropServices;

namespace CvManager.PowerShell;

/// <summary>
/// Handles the signals that stop a controller: SIGTERM from the kubelet, and SIGINT from Ctrl-C. For a process that runs only the
/// controller, both are a normal exit with code 0. A second signal has its default effect.
/// </summary>
internal sealed class StopSignals : IDisposable
{
    private readonly Runspace? _runspace;
    private readonly Action _terminating;
    private readonly CancellationTokenSource _stop;
    private readonly PosixSignalRegistration _interrupt;
    private readonly PosixSignalRegistration _terminate;

    /// <param name="runspace">The runspace that the controller runs in.</param>
    /// <param name="terminating">Called when SIGTERM is received.</param>
    /// <param name="cancellationToken">Cancelled when PowerShell stops the pipeline.</param>
    public StopSignals(Runspace? runspace, Action terminating, CancellationToken cancellationToken)
    {
        _runspace = runspace;
        _terminating = terminating;
        _stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        // The host of PowerShell stops the pipeline on SIGINT.
        _interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, _ => IsInterrupted = true);
        _terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Terminate);
    }

    /// <summary>Cancelled when PowerShell stops the pipeline, and on SIGTERM, after which the pipeline ends normally.</summary>
    public CancellationToken Token => _stop.Token;

    public bool IsTerminated { get; private set; }

    public bool IsInterrupted { get; private set; }

    /// <summary>
    /// Call this after the controller has stopped without an error. PowerShell exits with 1 if Ctrl-C interrupted its command; this changes
    /// the exit code to 0. If the session runs further commands, its exit code is not changed.
    /// </summary>
    public void ExitWithSuccess()
    {
        if (!IsInterrupted || _runspace is null)
            return;
        var pipelines = 0;
        EventHandler onExit = static (_, _) =>
        {
            if (Environment.ExitCode == 1)
                Environment.ExitCode = 0;
        };
        AppDomain.CurrentDomain.ProcessExit += onExit;
        // pwsh runs one more pipeline before it exits (to read $?). An interactive session runs at least two: the prompt, and the next
        // command.
        _runspace.AvailabilityChanged += (_, change) =>
        {
            if (change.RunspaceAvailability == RunspaceAvailability.Busy && Interlocked.Increment(ref pipelines) > 1)
                AppDomain.CurrentDomain.ProcessExit -= onExit;
        };
    }

    public void Dispose()
    {
        _interrupt.Dispose();
        _terminate.Dispose();
        _stop.Dispose();
    }

    private void Terminate(PosixSignalContext context)
    {
        try
        {
            if (_stop.IsCancellationRequested)
                return;
            IsTerminated = true;
            _terminating();
            _stop.Cancel();
            context.Cancel = true;
        }
        catch (ObjectDisposedException)
        {
            // The controller has already stopped: the signal has its default effect.
        }
    }
}
