using System.Diagnostics;
using CvManager.Sandbox.PowerShell;
using Xunit;

namespace CvManager.Unit.Sandbox.PowerShell;

public sealed class TemporaryKubeConfigTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("cvm-test-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public void Only_files_of_processes_that_have_ended_are_removed()
    {
        var own = TemporaryKubeConfig.NewPath(_folder.FullName);
        var ended = own.Replace($"-{Environment.ProcessId}-", $"-{EndedProcess()}-", StringComparison.Ordinal);
        string[] kept =
        [
            own,
            // Of another machine that shares the folder, of an older version, and of other programs.
            ended.Replace($"sandbox-{Environment.MachineName}-", "sandbox-other-machine-", StringComparison.Ordinal),
            Path.Combine(_folder.FullName, $"cvm-sandbox-{Guid.NewGuid():n}.kubeconfig"),
            ended + ".bak",
            Path.Combine(_folder.FullName, "config"),
        ];
        foreach (var path in kept.Append(ended))
            File.WriteAllText(path, "");

        TemporaryKubeConfig.RemoveAbandoned(_folder.FullName);

        Assert.Equal(
            kept.Order(StringComparer.Ordinal),
            _folder.EnumerateFiles().Select(file => file.FullName).Order(StringComparer.Ordinal)
        );
    }

    /// <summary>The id of a process that has ended.</summary>
    private static int EndedProcess()
    {
        using var process = Process.Start(new ProcessStartInfo("dotnet", "--version") { RedirectStandardOutput = true })!;
        process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return process.Id;
    }
}
