using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text.Json.Nodes;
using System.Threading.Channels;
using CvManager.Support;
using Xunit;

namespace CvManager.Integration.Controller;

/// <summary>Start-CvReconcile -Watch in a separate process, as in a pod, so that it can be killed.</summary>
internal sealed class ControllerProcess : IAsyncDisposable
{
    /// <summary>The default grace period of a pod.</summary>
    private static readonly TimeSpan GracePeriod = TimeSpan.FromSeconds(30);

    private readonly Process _process;
    private readonly Channel<JsonObject> _lines = Channel.CreateUnbounded<JsonObject>();
    private readonly ConcurrentQueue<string> _said = new();

    private ControllerProcess(Process process)
    {
        _process = process;
        process.OutputDataReceived += (_, e) => Take(e.Data, parse: true);
        process.ErrorDataReceived += (_, e) => Take(e.Data, parse: false);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    /// <summary>The output so far.</summary>
    public string Said => string.Join('\n', _said);

    public int ExitCode => _process.ExitCode;

    /// <param name="ns">The namespace to watch.</param>
    /// <param name="more">Additional parameters.</param>
    public static ControllerProcess Start(string ns, string more = "") => Run(Command(ns, more));

    /// <summary>Starts a controller for several namespaces, with another login than <see cref="ControllerAccount"/>.</summary>
    public static ControllerProcess StartIn(IEnumerable<string> spaces, string leaseSpace, string kubeConfig, string more = "") =>
        Run(
            $"Start-CvReconcile -Watch -LogFormat Json -Namespace {string.Join(", ", spaces.Select(ns => $"'{ns}'"))} "
                + $"-LeaseNamespace {leaseSpace} -KubeConfig '{kubeConfig}' {more}"
        );

    /// <summary>Starts a controller that writes its log to a file. The methods that read the log do not work.</summary>
    public static ControllerProcess StartInto(string file, string ns, string more) => Run(Command(ns, more), file);

    private static string Command(string ns, string more = "") =>
        $"Start-CvReconcile -Watch -LogFormat Json -Namespace {ns} -LeaseNamespace {ControllerAccount.Namespace} -KubeConfig '{ControllerAccount.KubeConfig}' {more}";

    private static ControllerProcess Run(string command, string? into = null)
    {
        var cvm = Path.Combine(RepositoryRoot.Path, "src", "CvManager.Shell", "bin", Configuration, "net10.0", "cvm");
        // exec replaces the shell, so that signals go to the controller.
        ProcessStartInfo start = into is null
            ? new(cvm, ["-NoProfile", "-Command", command])
            : new("sh", ["-c", "exec \"$0\" -NoProfile -Command \"$1\" > \"$2\"", cvm, command, into]);
        (start.RedirectStandardOutput, start.RedirectStandardError) = (true, true);
        Process process = new() { StartInfo = start };
        process.Start();
        return new ControllerProcess(process);
    }

    /// <summary>Returns the next matching log line, and skips the lines before it.</summary>
    public async Task<JsonObject> LineAsync(Func<JsonObject, bool> isMeant)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        limit.CancelAfter(TimeSpan.FromMinutes(1));
        try
        {
            await foreach (var line in _lines.Reader.ReadAllAsync(limit.Token))
            {
                if (isMeant(line))
                    return line;
            }
        }
        catch (OperationCanceledException) when (!TestContext.Current.CancellationToken.IsCancellationRequested) { }

        Assert.Fail($"The expected log line is missing. The log:\n{Said}");
        throw new InvalidOperationException();
    }

    public Task<JsonObject> OutcomeAsync(string outcome) => LineAsync(line => line["outcome"]?.GetValue<string>() == outcome);

    /// <summary>Returns the next log line with an event id.</summary>
    /// <param name="id">One of <see cref="LogEvents"/>.</param>
    public Task<JsonObject> EventAsync(int id) => LineAsync(line => line["event"]?.GetValue<int>() == id);

    /// <summary>Sends a signal: STOP, CONT or TERM.</summary>
    public Task SignalAsync(string signal) =>
        ExternalProgram.RunAsync("kill", [$"-{signal}", _process.Id.ToString(System.Globalization.CultureInfo.InvariantCulture)]);

    /// <summary>Kills the process with SIGKILL, and waits for it to exit.</summary>
    public async Task KillAsync()
    {
        _process.Kill(entireProcessTree: true);
        await _process.WaitForExitAsync(TestContext.Current.CancellationToken);
    }

    /// <summary>Stops the process like a kubelet, with SIGTERM. Fails the test if it does not exit within the grace period.</summary>
    public async Task TerminateAsync()
    {
        await SignalAsync("TERM");
        await _process
            .WaitForExitAsync(TestContext.Current.CancellationToken)
            .WaitAsync(GracePeriod, TestContext.Current.CancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill(entireProcessTree: true);
            await _process.WaitForExitAsync(CancellationToken.None);
        }

        _process.Dispose();
    }

    private static string Configuration =>
        AppContext.BaseDirectory.Contains($"{Path.DirectorySeparatorChar}Release{Path.DirectorySeparatorChar}", StringComparison.Ordinal)
            ? "Release"
            : "Debug";

    private void Take(string? line, bool parse)
    {
        if (line is null)
        {
            _lines.Writer.TryComplete();
            return;
        }

        _said.Enqueue(line);
        if (parse && line.StartsWith('{') && JsonNode.Parse(line) is JsonObject read)
            _lines.Writer.TryWrite(read);
    }
}
