using System.Diagnostics;
using System.Globalization;

namespace CvManager.Bench;

/// <summary>Reads all ContainerVersions of a cluster, compared with kubectl with the same credentials.</summary>
internal sealed class GetScenario : IScenario
{
    private const int Repetitions = 10;

    public string Name => "get";

    public string Description =>
        "Get-ContainerVersion -AllNamespaces compared with kubectl get cv -A -o json, on a sandbox; "
        + "CVM_KUBECTL is the path of kubectl (without it, no comparison)";

    public string Number => "ContainerVersions";

    public int DefaultNumber => 10_000;

    public async Task<FigureTable> RunAsync(int number, CancellationToken cancellationToken)
    {
        await using var estate = await Estate.StartAsync(number, 60, 0, cancellationToken);
        // Each gets a status, as in a real cluster.
        var upToDate = estate.UpToDate();
        await using (var controller = ControllerProcess.Start(estate.KubeConfig, Estate.KeyOf(0)))
            await upToDate.CompletedAsync(TimeSpan.FromMinutes(15), controller, cancellationToken);

        var get = $"(Get-ContainerVersion -AllNamespaces -KubeConfig '{estate.KubeConfig}').Count";
        List<(string Name, Func<Task<TimeSpan>> Run)> contestants =
        [
            (
                "cvm -Command Get-ContainerVersion, one process per run",
                () => TimeAsync(ControllerProcess.Cvm, ["-NoProfile", "-Command", get], cancellationToken)
            ),
        ];
        if (Environment.GetEnvironmentVariable("CVM_KUBECTL") is { Length: > 0 } kubectl)
        {
            contestants.Add(
                (
                    "kubectl get cv -A -o json, one process per run",
                    () => TimeAsync(kubectl, ["--kubeconfig", estate.KubeConfig, "get", "cv", "-A", "-o", "json"], cancellationToken)
                )
            );
            contestants.Add(
                (
                    "kubectl get cv -A, one process per run",
                    () => TimeAsync(kubectl, ["--kubeconfig", estate.KubeConfig, "get", "cv", "-A"], cancellationToken)
                )
            );
        }

        await using Session session = new(get, number);
        contestants.Add(("Get-ContainerVersion -AllNamespaces, in a running session", () => session.TimeAsync(cancellationToken)));

        List<TimeSpan>[] times = [.. contestants.Select(_ => new List<TimeSpan>())];
        for (var i = -2; i < Repetitions; i++)
        {
            for (var c = 0; c < contestants.Count; c++)
            {
                var took = await contestants[c].Run();
                if (i >= 0)
                    times[c].Add(took);
            }
        }

        return FigureTable.Of([.. contestants.Select((contestant, c) => new Measurement(contestant.Name, times[c], null))]);
    }

    private static async Task<TimeSpan> TimeAsync(string program, IEnumerable<string> arguments, CancellationToken cancellationToken)
    {
        var started = Stopwatch.GetTimestamp();
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true })!;
        // Copied as bytes, so that reading does not slow the process down.
        await process.StandardOutput.BaseStream.CopyToAsync(Stream.Null, cancellationToken);
        await process.WaitForExitAsync(cancellationToken);
        return process.ExitCode == 0
            ? Stopwatch.GetElapsedTime(started)
            : throw new InvalidOperationException($"{program} exited with code {process.ExitCode}.");
    }

    /// <summary>
    /// A session in a separate process. For each line of input, it reads all ContainerVersions once, and returns the duration.
    /// </summary>
    private sealed class Session : IAsyncDisposable
    {
        private readonly Process _process;
        private readonly int _count;

        public Session(string get, int count)
        {
            _count = count;
            var command =
                $"while ($null -ne [Console]::In.ReadLine()) {{ $w = [Diagnostics.Stopwatch]::StartNew(); $n = {get}; \"$n $($w.Elapsed.Ticks)\" }}";
            _process = Process.Start(
                new ProcessStartInfo(ControllerProcess.Cvm, ["-NoProfile", "-Command", command])
                {
                    RedirectStandardInput = true,
                    RedirectStandardOutput = true,
                }
            )!;
        }

        public async Task<TimeSpan> TimeAsync(CancellationToken cancellationToken)
        {
            await _process.StandardInput.WriteLineAsync("read".AsMemory(), cancellationToken);
            await _process.StandardInput.FlushAsync(cancellationToken);
            var result = (
                await _process.StandardOutput.ReadLineAsync(cancellationToken) ?? throw new InvalidOperationException("The session exited.")
            ).Split(' ');
            return int.Parse(result[0], CultureInfo.InvariantCulture) == _count
                ? TimeSpan.FromTicks(long.Parse(result[1], CultureInfo.InvariantCulture))
                : throw new InvalidOperationException($"Expected {_count} ContainerVersions, read {result[0]}.");
        }

        public async ValueTask DisposeAsync()
        {
            _process.StandardInput.Close();
            await _process.WaitForExitAsync(CancellationToken.None);
            _process.Dispose();
        }
    }
}
