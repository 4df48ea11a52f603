using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;

namespace CvManager.Sandbox.PowerShell;

/// <summary>
/// The files that Start-CvSandbox writes without -KubeConfig. A process that is killed leaves them behind; the next sandbox removes them.
/// </summary>
internal static partial class TemporaryKubeConfig
{
    /// <summary>
    /// Returns the path of a new file. Its name has the process id, and the name of the machine, because containers that share the folder have
    /// process ids of their own.
    /// </summary>
    public static string NewPath(string folder) =>
        Path.Combine(folder, $"cvm-sandbox-{Environment.MachineName}-{Environment.ProcessId}-{Guid.NewGuid():n}.kubeconfig");

    /// <summary>Removes the files of processes of this machine that no longer exist, as far as the user may.</summary>
    public static void RemoveAbandoned(string folder)
    {
        foreach (var path in Directory.EnumerateFiles(folder, "cvm-sandbox-*.kubeconfig"))
        {
            var name = Name().Match(Path.GetFileName(path));
            if (
                !name.Success
                || name.Groups["machine"].Value != Environment.MachineName
                || !int.TryParse(name.Groups["process"].ValueSpan, NumberStyles.None, CultureInfo.InvariantCulture, out var process)
                || IsRunning(process)
            )
                continue;
            try
            {
                File.Delete(path);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // Of another user, or removed by another sandbox meanwhile.
            }
        }
    }

    private static bool IsRunning(int id)
    {
        try
        {
            using var process = Process.GetProcessById(id);
            return true;
        }
        catch (ArgumentException)
        {
            return false;
        }
    }

    [GeneratedRegex(@"^cvm-sandbox-(?<machine>.+)-(?<process>\d+)-[0-9a-f]{32}\.kubeconfig$", RegexOptions.CultureInvariant)]
    private static partial Regex Name();
}
