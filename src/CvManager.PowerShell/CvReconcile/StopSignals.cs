using System.Management.Automation.Runspaces;
using System.Runtime.InteropServices;

namespace CvManager.PowerShell;

/// <summary>
/// The signals that end a controller, and with it the process that runs nothing else: SIGTERM from a kubelet, SIGINT from Ctrl-C. Both are a
/// success. A second signal has its usual effect.
/// </summary>
internal sealed class StopSignals : IDisposable
{
    private readonly Runspace? _runspace;
    private readonly Action _terminating;
    private readonly CancellationTokenSource _stop;
    private readonly PosixSignalRegistration _interrupt;
    private readonly PosixSignalRegistration _terminate;

    /// <param name="runspace">The one that the controller runs in.</param>
    /// <param name="terminating">Called when SIGTERM has come.</param>
    /// <param name="cancellationToken">Cancelled when PowerShell stops the pipeline.</param>
    public StopSignals(Runspace? runspace, Action terminating, CancellationToken cancellationToken)
    {
        _runspace = runspace;
        _terminating = terminating;
        _stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        // PowerShell's host stops the pipeline.
        _interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, _ => IsInterrupted = true);
        _terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Terminate);
    }

    /// <summary>Cancelled when PowerShell stops the pipeline, and when SIGTERM comes: the pipeline then ends as if by itself.</summary>
    public CancellationToken Token => _stop.Token;

    public bool IsTerminated { get; private set; }

    public bool IsInterrupted { get; private set; }

    /// <summary>
    /// To be called when the controller has ended well. PowerShell ends with 1 when its command was interrupted; here, it is the way to end. A
    /// session that goes on has an exit code of its own.
    /// </summary>
    public void EndWell()
    {
        if (!IsInterrupted || _runspace is null)
            return;
        int pipelines = 0;
        EventHandler onExit = static (_, _) =>
        {
            if (Environment.ExitCode == 1)
                Environment.ExitCode = 0;
        };
        AppDomain.CurrentDomain.ProcessExit += onExit;
        // pwsh runs one more pipeline before it ends (it reads $?), and at least two where there is a prompt: that, and what is typed.
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
            // The controller has ended meanwhile: the signal has its usual effect.
        }
    }
}
