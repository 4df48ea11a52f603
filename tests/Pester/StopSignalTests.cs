using System.Diagnostics;
using System.Runtime.InteropServices;
using Xunit;

namespace CvManager.Pester;

/// <summary>Signals that stop a controller in a separate process.</summary>
public sealed class StopSignalTests
{
    private const int Interrupt = 2;
    private const int Terminate = 15;

    /// <summary>The time limit, high enough for a busy machine.</summary>
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(2);

    public static bool HasSignals => !OperatingSystem.IsWindows();

    [Theory(SkipUnless = nameof(HasSignals), Skip = "Windows has no signals.")]
    [InlineData("pwsh", "-Command", Interrupt)]
    [InlineData("pwsh", "-Command", Terminate)]
    [InlineData("pwsh", "-File", Interrupt)]
    [InlineData("pwsh", "-File", Terminate)]
    [InlineData("cvm", "-Command", Interrupt)]
    [InlineData("cvm", "-File", Terminate)]
    public async Task A_signal_stops_the_controller_and_its_process_exits_with_0(string program, string option, int signal)
    {
        using var process = await StartAsync(program, option);

        Assert.Equal(0, Kill(process.Id, signal));

        process.StandardInput.Close();
        await EndAsync(process);
        Assert.Equal(0, process.ExitCode);
    }

    [Fact(SkipUnless = nameof(HasSignals), Skip = "Windows has no signals.")]
    public async Task A_session_that_continues_after_an_interrupt_has_its_own_exit_code()
    {
        using var process = await StartAsync("pwsh", "-NoExit", "-Command");

        Assert.Equal(0, Kill(process.Id, Interrupt));

        await process.StandardInput.WriteLineAsync("exit 1");
        process.StandardInput.Close();
        await EndAsync(process);
        Assert.Equal(1, process.ExitCode);
    }

    /// <summary>Starts a controller on a sandbox, and waits for its initial sync.</summary>
    private static async Task<Process> StartAsync(string program, params string[] options)
    {
        var script = $"""
            & '{Path.Combine(PesterFile.Folder, "Import-Modules.ps1")}'
            $null = Start-CvSandbox
            Install-CvController -CrdOnly
            Start-CvReconcile -Watch -LogFormat Json
            """;
        var file = Path.Combine(Directory.CreateTempSubdirectory("cvm-signal-").FullName, "watch.ps1");
        string[] start = program == "pwsh" ? [BuildSettings.DotNetHost, BuildSettings.Pwsh] : [BuildSettings.Cvm];
        Process process = new()
        {
            StartInfo = new ProcessStartInfo(start[0], [.. start[1..], "-NoProfile", .. options, options[^1] == "-File" ? file : script])
            {
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
            },
        };
        await File.WriteAllTextAsync(file, script, TestContext.Current.CancellationToken);
        process.Start();
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        limit.CancelAfter(Limit);
        try
        {
            // Initial sync complete (docs/Start-CvReconcile.md).
            while (await process.StandardOutput.ReadLineAsync(limit.Token) is { } line)
            {
                if (line.Contains("\"event\":4501,", StringComparison.Ordinal))
                    return process;
            }
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw;
        }
        finally
        {
            Directory.GetParent(file)!.Delete(recursive: true);
        }

        throw new InvalidOperationException($"{program} exited before the initial sync of the controller.");
    }

    private static async Task EndAsync(Process process)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        limit.CancelAfter(Limit);
        try
        {
            await process.StandardOutput.ReadToEndAsync(limit.Token);
            await process.WaitForExitAsync(limit.Token);
        }
        finally
        {
            if (!process.HasExited)
                process.Kill(entireProcessTree: true);
        }
    }

    [DllImport("libc", EntryPoint = "kill")]
    private static extern int Kill(int process, int signal);
}
