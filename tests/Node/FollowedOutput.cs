using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text.Json.Nodes;
using System.Threading.Channels;
using Xunit;

namespace CvManager.Node;

/// <summary>The output of a program that runs until it is disposed, such as kubectl logs --follow, line by line.</summary>
internal sealed class FollowedOutput : IAsyncDisposable
{
    private readonly Process _process;
    private readonly Channel<string> _lines = Channel.CreateUnbounded<string>();
    private readonly ConcurrentQueue<string> _all = new();

    private FollowedOutput(Process process)
    {
        _process = process;
        process.OutputDataReceived += (_, e) => Take(e.Data);
        process.BeginOutputReadLine();
    }

    /// <summary>The lines so far.</summary>
    public IReadOnlyList<string> Lines => [.. _all];

    /// <summary>Follows the log of a pod.</summary>
    /// <param name="ns">The namespace.</param>
    /// <param name="pod">Its name.</param>
    public static FollowedOutput OfPod(string ns, string pod)
    {
        Process process = new()
        {
            StartInfo = new ProcessStartInfo(
                TestNode.KubeCtl,
                ["--kubeconfig", TestNode.KubeConfig, "-n", ns, "logs", "--follow", "--pod-running-timeout=1m", pod]
            )
            {
                RedirectStandardOutput = true,
            },
        };
        process.Start();
        return new FollowedOutput(process);
    }

    /// <summary>Returns the next matching line, and skips the lines before it.</summary>
    public async Task<string> LineAsync(Func<string, bool> isMeant)
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

        Assert.Fail($"The expected line is missing. The output:\n{string.Join('\n', Lines)}");
        throw new InvalidOperationException();
    }

    /// <summary>Returns the next line of a controller's log with an event id.</summary>
    /// <param name="id">One of <see cref="LogEvents"/>.</param>
    public async Task<JsonObject> EventAsync(int id) => Parse(await LineAsync(line => Parse(line)?["event"]?.GetValue<int>() == id))!;

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill(entireProcessTree: true);
            await _process.WaitForExitAsync(CancellationToken.None);
        }

        _process.Dispose();
    }

    public static JsonObject? Parse(string line) => line.StartsWith('{') ? JsonNode.Parse(line) as JsonObject : null;

    private void Take(string? line)
    {
        if (line is null)
        {
            _lines.Writer.TryComplete();
            return;
        }

        _all.Enqueue(line);
        _lines.Writer.TryWrite(line);
    }
}
