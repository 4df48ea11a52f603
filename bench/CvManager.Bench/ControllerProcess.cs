using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using CvManager.Unit;

namespace CvManager.Bench;

/// <summary>
/// The controller as a pod runs it: <c>cvm</c> with <c>Start-CvReconcile -Watch</c>, in a process of its own, so that its memory and
/// processor time are its own.
/// </summary>
internal sealed class ControllerProcess : IAsyncDisposable
{
    private readonly Process _process;
    private readonly Task _reading;
    private readonly TaskCompletionSource<long> _heap = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Stopwatch _age = Stopwatch.StartNew();
    private int _complaints;

    private ControllerProcess(Process process)
    {
        _process = process;
        _reading = Task.WhenAll(ReadAsync(), ForwardErrorsAsync());
    }

    /// <summary>The command line of this build.</summary>
    public static string Cvm { get; } =
        Path.Combine(RepositoryRoot.Path, "src", "CvManager.Shell", "bin", Directory.GetParent(AppContext.BaseDirectory.TrimEnd(Path.DirectorySeparatorChar))!.Name, "net10.0",
            OperatingSystem.IsWindows() ? "cvm.exe" : "cvm");

    /// <summary>Since the process was started.</summary>
    public TimeSpan Age => _age.Elapsed;

    /// <summary>When everything that is watched had been read; null before.</summary>
    public TimeSpan? AllIsRead { get; private set; }

    /// <summary>Lines of its log that are warnings or worse.</summary>
    public int Complaints => Volatile.Read(ref _complaints);

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

    /// <param name="kubeConfig">The cluster.</param>
    /// <param name="probe">The resource (namespace/name) whose next line of the log makes the process tell its managed heap.</param>
    public static ControllerProcess Start(string kubeConfig, string probe)
    {
        string command = $"Start-CvReconcile -Watch -AllNamespaces -LogFormat Json -KubeConfig '{kubeConfig}' | "
            + $"ForEach-Object {{ $_; if ($_.Contains('\"{probe}\"')) {{ 'heap:' + [GC]::GetTotalMemory($true) }} }}";
        return new ControllerProcess(Process.Start(new ProcessStartInfo(Cvm, ["-NoProfile", "-Command", command]) { RedirectStandardOutput = true, RedirectStandardError = true })!);
    }

    /// <summary>Bytes of managed objects after a full collection, once the probed resource has been worked on.</summary>
    public Task<long> HeapAsync(CancellationToken cancellationToken) => _heap.Task.WaitAsync(TimeSpan.FromMinutes(2), cancellationToken);

    public void ThrowWhereEnded()
    {
        if (_process.HasExited)
            throw new InvalidOperationException($"The controller ended with {_process.ExitCode}.");
    }

    /// <summary>As a pod is ended where there are signals: one that is killed keeps its lease, and the next one would wait for that.</summary>
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
        using JsonDocument entry = JsonDocument.Parse(line);
        if (entry.RootElement.TryGetProperty("event", out JsonElement number) && number.GetInt32() == 4501)
            AllIsRead = _age.Elapsed;
        if (entry.RootElement.GetProperty("level").GetString() is "Warning" or "Error" or "Critical" && Interlocked.Increment(ref _complaints) <= 5)
            Console.Error.WriteLine(line);
    }

    private async Task ForwardErrorsAsync()
    {
        while (await _process.StandardError.ReadLineAsync() is { } line)
            Console.Error.WriteLine(line);
    }
}
