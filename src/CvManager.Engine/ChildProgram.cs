using System.ComponentModel;
using System.Diagnostics;
using System.Text;

namespace CvManager;

/// <summary>The exit code and output of a program. The output may contain secrets and must not be shown.</summary>
internal sealed record ProgramResult(int ExitCode, string Output, string Errors);

/// <summary>A program could not be run. The message can be shown: it contains none of the output.</summary>
internal sealed class ProgramException(string message, bool isMissing = false, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>True if the program was not found.</summary>
    public bool IsMissing { get; } = isMissing;
}

/// <summary>Runs programs that configuration files name (credential helpers, exec plugins), with limits for time and output.</summary>
internal static class ChildProgram
{
    /// <summary>
    /// The absolute path of a program. The current directory is never searched because it may be untrusted; therefore empty and relative
    /// entries of PATH are ignored, as Go does (os/exec, ErrDot).
    /// </summary>
    /// <param name="name">A name to find on the PATH, or an absolute path.</param>
    /// <returns>Null if not found.</returns>
    public static string? Find(string name, string? searchPath, string? extensions)
    {
        if (name.Length == 0 || name.Contains('\0', StringComparison.Ordinal))
            return null;
        var endings =
            !OperatingSystem.IsWindows() || Path.HasExtension(name)
                ? [""]
                : (extensions ?? ".COM;.EXE;.BAT;.CMD").Split(';', StringSplitOptions.RemoveEmptyEntries);
        var isPath =
            name.Contains(Path.DirectorySeparatorChar, StringComparison.Ordinal)
            || name.Contains(Path.AltDirectorySeparatorChar, StringComparison.Ordinal);
        if (isPath && !Path.IsPathFullyQualified(name))
            return null;
        var folders = isPath
            ? [""]
            : (searchPath ?? "").Split(Path.PathSeparator).Select(folder => folder.Trim('"')).Where(Path.IsPathFullyQualified);
        return folders.SelectMany(folder => endings.Select(ending => Path.Combine(folder, name + ending))).FirstOrDefault(IsProgram);
    }

    /// <param name="limit">After this time, the program and its children are killed.</param>
    /// <param name="maxLength">The maximum output in characters, for each of stdout and stderr.</param>
    /// <exception cref="ProgramException">The program was not found, could not be started, timed out or wrote too much.</exception>
    public static async Task<ProgramResult> RunAsync(
        string name,
        IEnumerable<string> arguments,
        IEnumerable<KeyValuePair<string, string>> environment,
        string input,
        TimeSpan limit,
        int maxLength,
        TimeProvider time,
        CancellationToken cancellationToken
    )
    {
        var path =
            Find(name, Environment.GetEnvironmentVariable("PATH"), Environment.GetEnvironmentVariable("PATHEXT"))
            ?? throw new ProgramException(
                name.Contains(Path.DirectorySeparatorChar, StringComparison.Ordinal)
                    ? "program not found"
                    : "program not found on the PATH",
                isMissing: true
            );
        using CancellationTokenSource late = new(limit, time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(late.Token, cancellationToken);
        using Process process = new();
        process.StartInfo = new ProcessStartInfo(path, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
            CreateNoWindow = true,
            StandardOutputEncoding = Encoding.UTF8,
            StandardErrorEncoding = Encoding.UTF8,
        };
        foreach ((var variable, var value) in environment)
            process.StartInfo.Environment[variable] = value;
        try
        {
            process.Start();
        }
        catch (Exception e) when (e is Win32Exception or IOException or InvalidOperationException)
        {
            throw new ProgramException("the program could not be started", inner: e);
        }

        try
        {
            // Concurrently: a program may block while its output is not read or its input is not written.
            var output = ReadAsync(process.StandardOutput, maxLength, both);
            var errors = ReadAsync(process.StandardError, maxLength, both);
            await Task.WhenAll(WriteAsync(process.StandardInput, input, both.Token), output, errors, process.WaitForExitAsync(both.Token));
            return new ProgramResult(process.ExitCode, await output, await errors);
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw new ProgramException(
                late.IsCancellationRequested
                    ? $"the program did not exit within {limit.TotalSeconds:0} s"
                    : $"the output exceeds {maxLength} characters",
                inner: e
            );
        }
        finally
        {
            if (!process.HasExited)
                process.Kill(entireProcessTree: true);
        }
    }

    private static bool IsProgram(string path)
    {
        if (!File.Exists(path))
            return false;
        const UnixFileMode Execute = UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute;
        return OperatingSystem.IsWindows() || (File.GetUnixFileMode(path) & Execute) != 0;
    }

    private static async Task WriteAsync(StreamWriter input, string text, CancellationToken cancellationToken)
    {
        try
        {
            await input.WriteAsync(text.AsMemory(), cancellationToken);
            input.Close();
        }
        catch (IOException)
        {
            // The program exited without reading its input: the exit code tells why.
        }
    }

    private static async Task<string> ReadAsync(StreamReader stream, int maxLength, CancellationTokenSource stop)
    {
        var buffer = new char[4096];
        StringBuilder text = new();
        int read;
        while ((read = await stream.ReadAsync(buffer, stop.Token)) > 0)
        {
            if (text.Length + read > maxLength)
                await stop.CancelAsync();
            stop.Token.ThrowIfCancellationRequested();
            text.Append(buffer, 0, read);
        }

        return text.ToString();
    }
}
