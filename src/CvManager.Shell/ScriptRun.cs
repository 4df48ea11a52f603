using System.Management.Automation;
using System.Management.Automation.Language;
using System.Management.Automation.Runspaces;
using System.Runtime.InteropServices;

namespace CvManager.Shell;

using PowerShell = System.Management.Automation.PowerShell;

/// <summary>One script or command, from an opened session to an exit code.</summary>
internal sealed class ScriptRun : IDisposable
{
    private readonly ShellHost _host;
    private readonly Runspace _runspace;
    private readonly Lock _lock = new();
    private PowerShell? _running;
    private int _signal;

    private ScriptRun(ShellHost host)
    {
        _host = host;
        _runspace = RunspaceFactory.CreateRunspace(host, InitialSessionState.CreateDefault2());
    }

    public static int Execute(CommandLine line)
    {
        // Beside cvm, and before all else: the module is found by its name, and loads when one of its cmdlets is first called.
        var modules = Path.Combine(AppContext.BaseDirectory, "Modules");
        var others = Environment.GetEnvironmentVariable("PSModulePath");
        Environment.SetEnvironmentVariable("PSModulePath", string.IsNullOrEmpty(others) ? modules : modules + Path.PathSeparator + others);

        using var run = new ScriptRun(new ShellHost(line.NonInteractive));
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, context => run.Stop(context, 2));
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, context => run.Stop(context, 15));
        return run.Execute(line.File, line.Arguments, line.Command);
    }

    public void Dispose() => _runspace.Dispose();

    private int Execute(string? file, IReadOnlyList<CommandParameter> arguments, string? command)
    {
        _runspace.Open();
        using var script = Create();
        if (file is not null)
        {
            var scriptFile = new Command(file, isScript: false, useLocalScope: false);
            foreach (var argument in arguments)
                scriptFile.Parameters.Add(argument);
            script.Commands.AddCommand(scriptFile);
            EngineInternals.HandOnExit(_runspace);
        }
        else
        {
            var text = command == "-" ? Console.In.ReadToEnd() : command!;
            // Left to itself, the engine says of text that is not complete nothing that it can show.
            Parser.ParseInput(text, out _, out var errors);
            if (errors.Length > 0)
            {
                Show(new ParseException(errors));
                return ExitCodes.Failure;
            }
            script.AddScript(text, useLocalScope: false);
        }

        var failure = Run(script);
        if (failure is not null)
            Show(failure);
        if (_signal != 0)
            return ExitCodes.Signal + _signal;
        // Of a command, the last statement decides ($?); a file fails by exit or by an uncaught error alone.
        var failed = failure is not null || (command is not null && !LastStatementSucceeded());
        return _host.ExitCode ?? (failed ? ExitCodes.Failure : ExitCodes.Success);
    }

    private PowerShell Create()
    {
        var shell = PowerShell.Create();
        shell.Runspace = _runspace;
        return shell;
    }

    /// <summary>Runs a pipeline to its end, while what it gives is shown; returns what it failed with.</summary>
    private RuntimeException? Run(PowerShell shell)
    {
        shell.Commands.Commands[0].MergeMyResults(PipelineResultTypes.Error, PipelineResultTypes.Output);
        shell.AddCommand("Out-Default");
        lock (_lock)
        {
            if (_signal != 0)
                return null;
            _running = shell;
        }
        try
        {
            // Only what may stand in a history sets $?.
            shell.Invoke(null, new PSInvocationSettings { AddToHistory = true });
            return null;
        }
        catch (PipelineStoppedException) when (_signal != 0)
        {
            return null;
        }
        catch (RuntimeException e)
        {
            return e;
        }
        finally
        {
            lock (_lock)
                _running = null;
            _host.EndProgress();
        }
    }

    /// <summary>Shows an error that ended the script as PowerShell shows errors.</summary>
    private void Show(RuntimeException failure)
    {
        using var shell = Create();
        shell.AddCommand("Out-Default").Invoke((PSObject[])[EngineInternals.AsShownError(failure.ErrorRecord)]);
    }

    private bool LastStatementSucceeded()
    {
        using var shell = Create();
        return shell.AddScript("$global:?").Invoke() is [{ BaseObject: true }];
    }

    /// <summary>
    /// The first signal stops the pipeline, so that cmdlets can clean up; the second has its usual effect. A cmdlet that takes a signal
    /// for itself (registered later, and so asked before) ends by itself.
    /// </summary>
    private void Stop(PosixSignalContext context, int signal)
    {
        if (context.Cancel)
            return;
        PowerShell? running;
        lock (_lock)
        {
            if (_signal != 0)
                return;
            _signal = signal;
            running = _running;
        }
        context.Cancel = true;
        running?.BeginStop(null, null);
    }
}
