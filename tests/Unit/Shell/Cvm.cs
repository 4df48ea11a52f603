using System.Diagnostics;
using CvManager.Support;
using Xunit;

namespace CvManager.Unit.Shell;

/// <summary>Runs the real cvm of this build as a separate process.</summary>
internal static class Cvm
{
    public static string Path { get; } = Locate();

    /// <summary>Runs cvm until it exits, without the user's profile and with empty standard input.</summary>
    /// <param name="environment">Variables that differ from those here; null removes one.</param>
    public static async Task<CvmResult> RunAsync(string[] arguments, IReadOnlyDictionary<string, string?>? environment = null)
    {
        var cancellationToken = TestContext.Current.CancellationToken;
        var start = new ProcessStartInfo(Path, ["-NoProfile", .. arguments])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var (name, value) in environment ?? new Dictionary<string, string?>())
            start.Environment[name] = value;
        using var process = Process.Start(start)!;
        try
        {
            var output = process.StandardOutput.ReadToEndAsync(cancellationToken);
            var errors = process.StandardError.ReadToEndAsync(cancellationToken);
            process.StandardInput.Close();
            await process.WaitForExitAsync(cancellationToken).WaitAsync(TimeSpan.FromSeconds(60), cancellationToken);
            return new CvmResult(process.ExitCode, await output, await errors);
        }
        finally
        {
            if (!process.HasExited)
                process.Kill();
        }
    }

    private static string Locate()
    {
        // …/tests/Unit/bin/<configuration>/net10.0/
        var configuration = Directory.GetParent(AppContext.BaseDirectory.TrimEnd(System.IO.Path.DirectorySeparatorChar))!.Name;
        var name = OperatingSystem.IsWindows() ? "cvm.exe" : "cvm";
        return System.IO.Path.Combine(RepositoryRoot.Path, "src", "CvManager.Shell", "bin", configuration, "net10.0", name);
    }
}

internal sealed record CvmResult(int ExitCode, string Output, string Errors);
