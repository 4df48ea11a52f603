using System.ComponentModel;
using System.Diagnostics;
using System.Text;

namespace CvManager;

/// <summary>What a program wrote. Neither may be shown: it may be a secret.</summary>
internal sealed record ProgramResult(int ExitCode, string Output, string Errors);

/// <summary>Why there is no result of a program. The message is fit to be read by people; nothing that the program wrote is in it.</summary>
internal sealed class ProgramException(string message, bool isMissing = false, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>There is no such program.</summary>
    public bool IsMissing { get; } = isMissing;
}

/// <summary>Runs programs that configuration files name (credential helpers, exec plugins): found through PATH alone, bounded in time and output.</summary>
internal static class ChildProgram
{
    /// <summary>
    /// The absolute path of a program. The current directory is never looked at: it may be a stranger's checkout. An empty or relative entry of
    /// PATH would mean just that, and is passed over, as Go does (os/exec, ErrDot).
    /// </summary>
    /// <param name="name">A name that is looked for, or an absolute path.</param>
    /// <returns>Null where there is none.</returns>
    public static string? Find(string name, string? searchPath, string? extensions)
    {
        if (name.Length == 0 || name.Contains('\0', StringComparison.Ordinal))
            return null;
        string[] endings = !OperatingSystem.IsWindows() || Path.HasExtension(name) ? [""]
            : (extensions ?? ".COM;.EXE;.BAT;.CMD").Split(';', StringSplitOptions.RemoveEmptyEntries);
        bool isPath = name.Contains(Path.DirectorySeparatorChar, StringComparison.Ordinal) || name.Contains(Path.AltDirectorySeparatorChar, StringComparison.Ordinal);
        if (isPath && !Path.IsPathFullyQualified(name))
            return null;
        IEnumerable<string> folders = isPath ? [""] : (searchPath ?? "").Split(Path.PathSeparator).Select(folder => folder.Trim('"')).Where(Path.IsPathFullyQualified);
        return folders.SelectMany(folder => endings.Select(ending => Path.Combine(folder, name + ending))).FirstOrDefault(IsProgram);
    }

    /// <param name="limit">How long it may run; then it is killed with its children.</param>
    /// <param name="largest">Characters that it may write to each of its streams.</param>
    /// <exception cref="ProgramException">It could not be found or started, did not end in time, or wrote too much.</exception>
    public static async Task<ProgramResult> RunAsync(string name, IEnumerable<string> arguments, IEnumerable<KeyValuePair<string, string>> environment, string input,
        TimeSpan limit, int largest, TimeProvider time, CancellationToken cancellationToken)
    {
        string path = Find(name, Environment.GetEnvironmentVariable("PATH"), Environment.GetEnvironmentVariable("PATHEXT"))
            ?? throw new ProgramException(name.Contains(Path.DirectorySeparatorChar, StringComparison.Ordinal) ? "program not found" : "program not found on the PATH", isMissing: true);
        using CancellationTokenSource late = new(limit, time);
        using CancellationTokenSource both = CancellationTokenSource.CreateLinkedTokenSource(late.Token, cancellationToken);
        using Process process = new();
        process.StartInfo = new ProcessStartInfo(path, arguments)
        {
            RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false, CreateNoWindow = true,
            StandardOutputEncoding = Encoding.UTF8, StandardErrorEncoding = Encoding.UTF8,
        };
        foreach ((string variable, string value) in environment)
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
            // All at once: a program that is not read from, or that does not read, may wait for ever.
            Task<string> output = ReadAsync(process.StandardOutput, largest, both);
            Task<string> errors = ReadAsync(process.StandardError, largest, both);
            await Task.WhenAll(WriteAsync(process.StandardInput, input, both.Token), output, errors, process.WaitForExitAsync(both.Token)).ConfigureAwait(false);
            return new ProgramResult(process.ExitCode, await output.ConfigureAwait(false), await errors.ConfigureAwait(false));
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw new ProgramException(late.IsCancellationRequested ? $"the program did not exit within {limit.TotalSeconds:0} s" : $"the output exceeds {largest} characters", inner: e);
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
            await input.WriteAsync(text.AsMemory(), cancellationToken).ConfigureAwait(false);
            input.Close();
        }
        catch (IOException)
        {
            // A program that ends without reading: its exit code says why.
        }
    }

    private static async Task<string> ReadAsync(StreamReader stream, int largest, CancellationTokenSource stop)
    {
        char[] buffer = new char[4096];
        StringBuilder text = new();
        int read;
        while ((read = await stream.ReadAsync(buffer, stop.Token).ConfigureAwait(false)) > 0)
        {
            if (text.Length + read > largest)
                await stop.CancelAsync().ConfigureAwait(false);
            stop.Token.ThrowIfCancellationRequested();
            text.Append(buffer, 0, read);
        }

        return text.ToString();
    }
}
