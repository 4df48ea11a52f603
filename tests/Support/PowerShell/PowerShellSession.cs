using System.Collections;
using System.Management.Automation;
using System.Management.Automation.Runspaces;
using Xunit;

namespace CvManager.Support.PowerShell;

/// <summary>
/// A session of the PowerShell engine with both modules imported from module/. The Utility module is missing (Select-Object,
/// ConvertTo-Json, Format-Table, Write-Output); use <c>| ForEach-Object</c>, members and C#.
/// </summary>
/// <remarks>
/// <code>
/// using var session = new PowerShellSession();
/// var result = session.Invoke("Get-CvContext -KubeConfig $path", ("path", file));
/// Assert.Equal("prod", result.Single().Properties["Name"].Value);
/// </code>
/// Output types of the modules are in another load context: read their properties by name, or with <c>dynamic</c>.
/// One script at a time; sessions are independent of each other.
/// </remarks>
public sealed class PowerShellSession : IDisposable
{
    /// <param name="import">False to not import the modules.</param>
    /// <param name="configure">Configures the session before it opens, for example adds test cmdlets.</param>
    public PowerShellSession(bool import = true, Action<InitialSessionState>? configure = null)
    {
        var state = InitialSessionState.CreateDefault2();
        state.ThrowOnRunspaceOpenError = true;
        if (import)
            state.ImportPSModule(ModuleManifest, SandboxManifest);
        configure?.Invoke(state);
        Runspace = RunspaceFactory.CreateRunspace(Host, state);
        Runspace.Open();
    }

    public static string ModuleManifest { get; } = Manifest("CvManager");

    public static string SandboxManifest { get; } = Manifest("CvManager.Sandbox");

    public RecordingHost Host { get; } = new();

    public Runspace Runspace { get; }

    /// <summary>Runs a script. A terminating error is returned in the result, not thrown.</summary>
    public SessionResult Invoke(string script, params (string Name, object? Value)[] variables)
    {
        foreach (var (name, value) in variables)
            Runspace.SessionStateProxy.SetVariable(name, value);
        using var shell = Create(script);
        return Collect(shell, () => shell.Invoke());
    }

    /// <summary>Like <see cref="Invoke"/>, with pipeline input.</summary>
    public SessionResult InvokeWithInput(string script, IEnumerable input)
    {
        using var shell = Create(script);
        return Collect(shell, () => shell.Invoke(input));
    }

    /// <summary>Creates a shell that the test runs with BeginInvoke, so that it can stop it. The caller disposes it.</summary>
    public System.Management.Automation.PowerShell Create(string script)
    {
        var shell = System.Management.Automation.PowerShell.Create();
        shell.Runspace = Runspace;
        return shell.AddScript(script);
    }

    /// <summary>Returns the terminal output of a script, formatted with the views of the modules.</summary>
    public string Render(string script, params (string Name, object? Value)[] variables)
    {
        foreach (var (name, value) in variables)
            Runspace.SessionStateProxy.SetVariable(name, value);
        Host.Clear();
        using var shell = Create(script).AddCommand("Out-Default");
        shell.Commands.Commands[^1].MergeMyResults(PipelineResultTypes.Error, PipelineResultTypes.Output);
        shell.Invoke();
        return Host.Text;
    }

    /// <summary>Returns the completions at the end of a text.</summary>
    public IReadOnlyList<string> Complete(string text)
    {
        using var shell = System.Management.Automation.PowerShell.Create();
        shell.Runspace = Runspace;
        return [.. CommandCompletion.CompleteInput(text, text.Length, null, shell).CompletionMatches.Select(match => match.CompletionText)];
    }

    public void Dispose() => Runspace.Dispose();

    private static string Manifest(string module) => Path.Combine(RepositoryRoot.Path, "module", module, module + ".psd1");

    private static SessionResult Collect(System.Management.Automation.PowerShell shell, Func<IReadOnlyList<PSObject>> run)
    {
        IReadOnlyList<PSObject> output = [];
        ErrorRecord? terminating = null;
        try
        {
            output = run();
        }
        catch (RuntimeException e)
        {
            terminating = e.ErrorRecord;
        }
        return new SessionResult(
            output,
            [.. shell.Streams.Error],
            terminating,
            [.. shell.Streams.Warning.Select(w => w.Message)],
            [.. shell.Streams.Verbose.Select(v => v.Message)],
            [.. shell.Streams.Progress]
        );
    }
}

/// <summary>The result of a script.</summary>
/// <param name="Output">The output objects.</param>
/// <param name="Errors">Non-terminating errors.</param>
/// <param name="Terminating">The terminating error, or null.</param>
/// <param name="Warnings">The texts of warnings.</param>
/// <param name="Verbose">The texts of verbose messages.</param>
/// <param name="Progress">All progress records, in order.</param>
public sealed record SessionResult(
    IReadOnlyList<PSObject> Output,
    IReadOnlyList<ErrorRecord> Errors,
    ErrorRecord? Terminating,
    IReadOnlyList<string> Warnings,
    IReadOnlyList<string> Verbose,
    IReadOnlyList<ProgressRecord> Progress
)
{
    /// <summary>Asserts that there is one output object and no error, and returns the object.</summary>
    public PSObject Single()
    {
        AssertNoErrors();
        return Assert.Single(Output);
    }

    /// <summary>Asserts that there is one error, terminating or not, and returns it.</summary>
    public ErrorRecord Error() => Terminating is null ? Assert.Single(Errors) : Terminating;

    public SessionResult AssertNoErrors()
    {
        if (Terminating is not null)
            Assert.Fail($"{Terminating.FullyQualifiedErrorId}: {Terminating}\n{Terminating.Exception}");
        if (Errors.Count > 0)
            Assert.Fail($"{Errors[0].FullyQualifiedErrorId}: {Errors[0]}\n{Errors[0].Exception}");
        return this;
    }

    /// <summary>Returns a property of each output object.</summary>
    public IReadOnlyList<T> Values<T>(string property) => [.. Output.Select(o => (T)o.Properties[property].Value)];
}
