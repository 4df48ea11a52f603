using System.Diagnostics;
using System.Text;
using System.Text.Json;
using CvManager.Support;

namespace CvManager.Pester;

/// <summary>Runs a file of Pester tests with the pwsh of the tool manifest, in a separate process.</summary>
internal static class PesterFile
{
    /// <summary>The time limit of a file, far above the usual duration. A file that exceeds it fails.</summary>
    public static readonly TimeSpan Limit = TimeSpan.FromMinutes(10);

    /// <summary>The number of characters of output to show for a file that did not complete.</summary>
    private const int ShownOutput = 4000;

    private static readonly SemaphoreSlim Processes = new(Environment.ProcessorCount);

    public static string Folder { get; } = Path.Combine(RepositoryRoot.Path, "tests", "Pester");

    /// <summary>Returns the outcome of each test. If no test ran, it contains a failure.</summary>
    public static async Task<IReadOnlyList<PesterOutcome>> RunAsync(string path, TimeSpan limit, CancellationToken cancellationToken)
    {
        await Processes.WaitAsync(cancellationToken);
        var folder = Directory.CreateTempSubdirectory("cvm-pester-");
        try
        {
            return await RunAsync(path, folder.FullName, limit, cancellationToken);
        }
        finally
        {
            folder.Delete(recursive: true);
            Processes.Release();
        }
    }

    private static async Task<IReadOnlyList<PesterOutcome>> RunAsync(
        string path,
        string folder,
        TimeSpan limit,
        CancellationToken cancellationToken
    )
    {
        var name = Path.GetFileName(path);
        var resultPath = Path.Combine(folder, "result.json");
        StringBuilder output = new();
        using Process process = new()
        {
            StartInfo = new ProcessStartInfo(
                BuildSettings.DotNetHost,
                [
                    BuildSettings.Pwsh,
                    "-NoProfile",
                    "-NonInteractive",
                    "-File",
                    Path.Combine(Folder, "Invoke-TestFile.ps1"),
                    BuildSettings.Pester,
                    path,
                    resultPath,
                ]
            )
            {
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
                // A test that does not connect to its sandbox must not use the cluster of the developer.
                Environment =
                {
                    ["KUBECONFIG"] = Path.Combine(folder, "no-kubeconfig"),
                    ["POWERSHELL_UPDATECHECK"] = "Off",
                    ["POWERSHELL_TELEMETRY_OPTOUT"] = "1",
                },
            },
        };
        DataReceivedEventHandler append = (_, e) =>
        {
            lock (output)
                output.AppendLine(e.Data);
        };
        process.OutputDataReceived += append;
        process.ErrorDataReceived += append;
        process.Start();
        process.StandardInput.Close();
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        using var time = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        time.CancelAfter(limit);
        try
        {
            await process.WaitForExitAsync(time.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return [Failure($"{name} did not complete within {limit.TotalSeconds:0} s")];
        }
        finally
        {
            if (!process.HasExited)
                process.Kill(entireProcessTree: true);
        }

        if (!File.Exists(resultPath))
            return [Failure($"{name} exited with code {process.ExitCode} without a result")];
        var outcomes = JsonSerializer.Deserialize<PesterOutcome[]>(await File.ReadAllTextAsync(resultPath, cancellationToken))!;
        return outcomes.Any(outcome => outcome.Ran) ? outcomes : [.. outcomes, Failure($"{name} ran no test")];

        PesterOutcome Failure(string what)
        {
            lock (output)
            {
                var text = output.ToString();
                return new PesterOutcome(name, "Failed", $"{what}. End of the output:\n{text[^Math.Min(ShownOutput, text.Length)..]}");
            }
        }
    }
}
