using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;
using CvManager.Support;

namespace CvManager.Bench;

/// <summary>
/// The controller as in a pod: <c>cvm</c> with <c>Start-CvReconcile -Watch</c>, in a separate process, so that its memory and processor
/// time can be measured.
/// </summary>
internal sealed class ControllerProcess : IAsyncDisposable
{
    private readonly Process _process;
    private readonly Task _reading;
    private readonly TaskCompletionSource<long> _heap = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Stopwatch _age = Stopwatch.StartNew();
    private int _warnings;

    private ControllerProcess(Process process)
    {
        _process = process;
        _reading = Task.WhenAll(ReadAsync(), ForwardErrorsAsync());
    }

    /// <summary>The path of the cvm program of this build.</summary>
    public static string Cvm { get; } =
        Path.Combine(
            RepositoryRoot.Path,
            "src",
            "CvManager.Shell",
            "bin",
            Directory.GetParent(AppContext.BaseDirectory.TrimEnd(Path.DirectorySeparatorChar))!.Name,
            "net10.0",
            OperatingSystem.IsWindows() ? "cvm.exe" : "cvm"
        );

    /// <summary>The time since the start of the process.</summary>
    public TimeSpan Age => _age.Elapsed;

    /// <summary>When the initial sync was complete; null before.</summary>
    public TimeSpan? InitialSync { get; private set; }

    /// <summary>The number of warnings and errors in its log.</summary>
    public int Warnings => Volatile.Read(ref _warnings);

    public double ResidentMegabytes
    {
        get
        {
            _process.Refresh();
            return _process.WorkingSet64 / 1e6;
        }
    }

    public double PeakMegabytes
    {
        get
        {
            _process.Refresh();
            return _process.PeakWorkingSet64 / 1e6;
        }
    }

    public TimeSpan ProcessorTime
    {
        get
        {
            _process.Refresh();
            return _process.TotalProcessorTime;
        }
    }

    /// <summary>Starts the controller as the image does, with the files of its build context (<c>build.ps1 -Task Image</c>).</summary>
    /// <param name="kubeConfig">The path of the kubeconfig.</param>
    /// <param name="image">The folder of the build context.</param>
    /// <param name="group">Counts and limits its memory.</param>
    /// <param name="environment">Further environment variables.</param>
    public static ControllerProcess StartAsInImage(
        string kubeConfig,
        string image,
        MemoryGroup group,
        IEnumerable<KeyValuePair<string, string>> environment
    )
    {
        // The runtime reads the limit when it starts, so the process joins the group before.
        string[] arguments =
        [
            "-c",
            "echo $$ > \"$0\" && exec \"$@\"",
            group.Processes,
            Path.Combine(image, RuntimeInformation.OSArchitecture == Architecture.Arm64 ? "arm64" : "amd64", "powershell", "pwsh"),
            "-NoLogo",
            "-NoProfile",
            "-NonInteractive",
            "-Command",
            $"Start-CvReconcile -Watch -AllNamespaces -LogFormat Json -KubeConfig '{kubeConfig}'",
        ];
        ProcessStartInfo start = new("/bin/sh", arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["PSModulePath"] = Path.Combine(image, "modules");
        start.Environment["NO_COLOR"] = "1";
        foreach (var (name, value) in environment)
            start.Environment[name] = value;
        return new ControllerProcess(Process.Start(start)!);
    }

    /// <param name="kubeConfig">The path of the kubeconfig.</param>
    /// <param name="probe">A resource (namespace/name). The next log line for it makes the process report the size of its managed
    /// heap.</param>
    public static ControllerProcess Start(string kubeConfig, string probe)
    {
        var command =
            $"Start-CvReconcile -Watch -AllNamespaces -LogFormat Json -KubeConfig '{kubeConfig}' | "
            + $"ForEach-Object {{ $_; if ($_.Contains('\"{probe}\"')) {{ 'heap:' + [GC]::GetTotalMemory($true) }} }}";
        return new ControllerProcess(
            Process.Start(
                new ProcessStartInfo(Cvm, ["-NoProfile", "-Command", command])
                {
                    RedirectStandardOutput = true,
                    RedirectStandardError = true,
                }
            )!
        );
    }

    /// <summary>Waits for a log line for the probe, and returns the size of the managed heap after a full collection, in bytes.</summary>
    public Task<long> HeapAsync(CancellationToken cancellationToken) => _heap.Task.WaitAsync(TimeSpan.FromMinutes(2), cancellationToken);

    public void ThrowIfExited()
    {
        if (_process.HasExited)
            throw new InvalidOperationException($"The controller exited with code {_process.ExitCode}.");
    }

    /// <summary>Sends SIGTERM, as for a pod. A killed controller would keep its lease, and the next one would wait for it.</summary>
    public async ValueTask DisposeAsync()
    {
        if (OperatingSystem.IsWindows())
            _process.Kill();
        else
            Process.Start("kill", ["-TERM", _process.Id.ToString(CultureInfo.InvariantCulture)]).Dispose();
        await _process.WaitForExitAsync(CancellationToken.None);
        await _reading;
        _process.Dispose();
    }

    private async Task ReadAsync()
    {
        while (await _process.StandardOutput.ReadLineAsync() is { } line)
        {
            if (line.StartsWith("heap:", StringComparison.Ordinal))
                _heap.TrySetResult(long.Parse(line["heap:".Length..], CultureInfo.InvariantCulture));
            else if (line.StartsWith('{'))
                Read(line);
        }
    }

    private void Read(string line)
    {
        using var entry = JsonDocument.Parse(line);
        if (entry.RootElement.TryGetProperty("event", out var number) && number.GetInt32() == 4501)
            InitialSync = _age.Elapsed;
        if (
            entry.RootElement.GetProperty("level").GetString() is "Warning" or "Error" or "Critical"
            && Interlocked.Increment(ref _warnings) <= 5
        )
            Console.Error.WriteLine(line);
    }

    private async Task ForwardErrorsAsync()
    {
        while (await _process.StandardError.ReadLineAsync() is { } line)
            Console.Error.WriteLine(line);
    }
}
