using System.Diagnostics;
using System.Text;
using System.Text.RegularExpressions;

namespace CvManager.Pester;

/// <summary>
/// A terminal with pwsh at its prompt, <c>READY&gt;</c>: a pane of tmux, driven in control mode (tmux(1), "CONTROL MODE"), in which tmux
/// reports the output of the pane as it comes.
/// </summary>
internal sealed partial class Terminal : IAsyncDisposable
{
    public const string Prompt = "READY> ";

    /// <summary>The time limit of one wait, high enough for a busy machine.</summary>
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(2);

    private readonly Process _tmux;
    private readonly DirectoryInfo _folder;
    private readonly StringBuilder _output = new();

    private Terminal(Process tmux, DirectoryInfo folder) => (_tmux, _folder) = (tmux, folder);

    public static bool IsAvailable { get; } =
        (Environment.GetEnvironmentVariable("PATH") ?? "")
            .Split(Path.PathSeparator)
            .Any(folder => File.Exists(Path.Combine(folder, "tmux")));

    /// <summary>Starts pwsh, runs a script, and waits for the prompt.</summary>
    public static async Task<Terminal> StartAsync(string script, int columns, int rows, CancellationToken cancellationToken)
    {
        var folder = Directory.CreateTempSubdirectory("cvm-terminal-");
        var file = Path.Combine(folder.FullName, "start.ps1");
        await File.WriteAllTextAsync(file, $"{script}\nfunction prompt {{ '{Prompt}' }}\n", cancellationToken);
        Process tmux = new()
        {
            StartInfo = new ProcessStartInfo(
                "tmux",
                [
                    "-S",
                    Path.Combine(folder.FullName, "socket"),
                    "-f",
                    "/dev/null",
                    "-C",
                    "new-session",
                    "-x",
                    $"{columns}",
                    "-y",
                    $"{rows}",
                    $"'{BuildSettings.DotNetHost}' '{BuildSettings.Pwsh}' -NoProfile -NoLogo -NoExit -Command \". '{file}'\"",
                ]
            )
            {
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
                Environment =
                {
                    ["TERM"] = "screen-256color",
                    ["KUBECONFIG"] = Path.Combine(folder.FullName, "no-kubeconfig"),
                    ["POWERSHELL_UPDATECHECK"] = "Off",
                    ["POWERSHELL_TELEMETRY_OPTOUT"] = "1",
                    ["CI"] = "",
                },
            },
        };
        tmux.Start();
        Terminal terminal = new(tmux, folder);
        try
        {
            await terminal.WaitForAsync(Prompt, cancellationToken);
            return terminal;
        }
        catch
        {
            await terminal.DisposeAsync();
            throw;
        }
    }

    /// <summary>Types a line.</summary>
    public async Task TypeAsync(string line)
    {
        await _tmux.StandardInput.WriteLineAsync($"send-keys -l '{line.Replace("'", "'\\''", StringComparison.Ordinal)}'");
        await PressAsync("Enter");
    }

    /// <summary>Presses a key, by the name that it has in tmux: <c>C-c</c>.</summary>
    public Task PressAsync(string key) => _tmux.StandardInput.WriteLineAsync($"send-keys {key}");

    /// <summary>Waits until the terminal shows a text that was not waited for before.</summary>
    /// <exception cref="InvalidOperationException">It did not within the limit, or pwsh ended.</exception>
    public async Task WaitForAsync(string text, CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(Limit);
        try
        {
            while (true)
            {
                var shown = Plain();
                if (shown.IndexOf(text, StringComparison.Ordinal) is >= 0 and var at)
                {
                    _output.Clear().Append(shown.AsSpan(at + text.Length));
                    return;
                }

                _output.Append(
                    await ReadOutputAsync(limit.Token) ?? throw new InvalidOperationException($"pwsh ended before '{text}':\n{shown}")
                );
            }
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new InvalidOperationException($"Not shown within {Limit.TotalSeconds:0} s: '{text}'. Shown was:\n{Plain()}");
        }
    }

    /// <summary>The lines on the screen now, and those that have scrolled off.</summary>
    public async Task<IReadOnlyList<string>> ScreenAsync(CancellationToken cancellationToken)
    {
        await _tmux.StandardInput.WriteLineAsync("capture-pane -p -J -S -");
        List<string>? lines = null;
        while (await _tmux.StandardOutput.ReadLineAsync(cancellationToken) is { } line)
        {
            // Replies to other commands (send-keys) are empty.
            if (line.StartsWith("%begin ", StringComparison.Ordinal))
                lines = [];
            else if (!line.StartsWith("%end ", StringComparison.Ordinal))
                lines?.Add(line.TrimEnd());
            else if (lines is { Count: > 0 })
                return lines;
        }

        throw new InvalidOperationException("tmux ended.");
    }

    public async ValueTask DisposeAsync()
    {
        try
        {
            await _tmux.StandardInput.WriteLineAsync("kill-server");
            await _tmux.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(20));
        }
        finally
        {
            if (!_tmux.HasExited)
                _tmux.Kill(entireProcessTree: true);
            _tmux.Dispose();
            _folder.Delete(recursive: true);
        }
    }

    /// <summary>The next output of the pane; null if tmux ended. Control characters and backslashes are octal: <c>\033</c>.</summary>
    private async Task<string?> ReadOutputAsync(CancellationToken cancellationToken)
    {
        while (await _tmux.StandardOutput.ReadLineAsync(cancellationToken) is { } line)
        {
            if (line.StartsWith("%output ", StringComparison.Ordinal))
                return Octal().Replace(line.Split(' ', 3)[2], match => $"{(char)Convert.ToInt32(match.Groups[1].Value, 8)}");
        }

        return null;
    }

    private string Plain() => Escape().Replace(_output.ToString(), "");

    [GeneratedRegex(@"\\([0-7]{3})")]
    private static partial Regex Octal();

    [GeneratedRegex(@"\x1b(\[[0-9;?]*[ -/]*[@-~]|[=>])")]
    private static partial Regex Escape();
}
