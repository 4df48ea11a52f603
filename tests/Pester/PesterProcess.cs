using System.Diagnostics;
using System.IO.Pipes;
using System.Text;
using System.Text.Json;

namespace CvManager.Pester;

/// <summary>
/// A pwsh of the tool manifest that runs one file of Pester tests after another, each in a runspace of its own. Not safe for concurrent use.
/// </summary>
internal sealed class PesterProcess : IDisposable
{
    /// <summary>The number of characters of output to keep.</summary>
    private const int KeptOutput = 4000;

    private readonly StringBuilder _output = new();
    private readonly NamedPipeServerStream _pipe;
    private readonly Process _process;
    private readonly StreamReader _reader;

    /// <summary>The tests have the standard streams for themselves: paths and outcomes go through a pipe, one line for each.</summary>
    public PesterProcess()
    {
        var pipe = $"cvm-pester-{Guid.NewGuid():N}";
        _pipe = new NamedPipeServerStream(
            pipe,
            PipeDirection.InOut,
            1,
            PipeTransmissionMode.Byte,
            PipeOptions.Asynchronous | PipeOptions.CurrentUserOnly
        );
        _reader = new StreamReader(_pipe);
        _process = new Process
        {
            StartInfo = new ProcessStartInfo(
                BuildSettings.DotNetHost,
                [
                    BuildSettings.Pwsh,
                    "-NoProfile",
                    "-NonInteractive",
                    "-File",
                    Path.Combine(PesterFile.Folder, "Invoke-TestFiles.ps1"),
                    BuildSettings.Pester,
                    pipe,
                ]
            )
            {
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
                // A test that does not connect to its sandbox must not use the cluster of the developer.
                Environment =
                {
                    ["KUBECONFIG"] = Path.Combine(PesterFile.Folder, "no-kubeconfig"),
                    ["POWERSHELL_UPDATECHECK"] = "Off",
                    ["POWERSHELL_TELEMETRY_OPTOUT"] = "1",
                    // The expected errors of tests are no annotations of the run.
                    ["GITHUB_ACTIONS"] = null,
                    ["TF_BUILD"] = null,
                },
            },
        };
        _process.OutputDataReceived += Keep;
        _process.ErrorDataReceived += Keep;
        _process.Start();
        _process.StandardInput.Close();
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
    }

    /// <summary>The end of the output since the last file began.</summary>
    public string Output
    {
        get
        {
            lock (_output)
                return _output.ToString();
        }
    }

    /// <summary>Returns null if the process ended before the file.</summary>
    public async Task<PesterOutcome[]?> RunAsync(string path, CancellationToken cancellationToken)
    {
        lock (_output)
            _output.Clear();
        try
        {
            if (!_pipe.IsConnected && !await ConnectAsync(cancellationToken))
                return null;
            await _pipe.WriteAsync(Encoding.UTF8.GetBytes(path + "\n"), cancellationToken);
            return await _reader.ReadLineAsync(cancellationToken) is { } line ? JsonSerializer.Deserialize<PesterOutcome[]>(line) : null;
        }
        catch (IOException)
        {
            return null;
        }
    }

    public void Dispose()
    {
        if (!_process.HasExited)
            _process.Kill(entireProcessTree: true);
        _process.Dispose();
        _reader.Dispose();
    }

    private async Task<bool> ConnectAsync(CancellationToken cancellationToken)
    {
        using var first = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var connection = _pipe.WaitForConnectionAsync(first.Token);
        await await Task.WhenAny(connection, _process.WaitForExitAsync(first.Token));
        await first.CancelAsync();
        return _pipe.IsConnected;
    }

    private void Keep(object sender, DataReceivedEventArgs e)
    {
        lock (_output)
        {
            _output.AppendLine(e.Data);
            if (_output.Length > KeptOutput)
                _output.Remove(0, _output.Length - KeptOutput);
        }
    }
}
