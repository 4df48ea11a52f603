using System.Diagnostics;
using System.Globalization;

namespace CvManager.Bench;

/// <summary>Reading every ContainerVersion of a cluster, beside kubectl, which is given the same credentials.</summary>
internal sealed class GetScenario : IScenario
{
    private const int Repetitions = 10;

    public string Name => "get";

    public string Description => "Get-ContainerVersion -AllNamespaces beside kubectl get cv -A -o json, on a sandbox; CVM_KUBECTL is a kubectl, which is left out where it is not set";

    public string Number => "ContainerVersions";

    public int DefaultNumber => 10_000;

    public async Task<FigureTable> RunAsync(int number, CancellationToken cancellationToken)
    {
        await using Estate estate = await Estate.StartAsync(number, 60, 0, cancellationToken);
        // With a status each, as they are in life.
        Expectation upToDate = estate.UpToDate();
        await using (ControllerProcess controller = ControllerProcess.Start(estate.KubeConfig, Estate.KeyOf(0)))
            await upToDate.CompletedAsync(TimeSpan.FromMinutes(15), controller, cancellationToken);

        string get = $"(Get-ContainerVersion -AllNamespaces -KubeConfig '{estate.KubeConfig}').Count";
        List<(string Name, Func<Task<TimeSpan>> Run)> contestants = [("cvm -Command Get-ContainerVersion, a process each", () => TimeAsync(ControllerProcess.Cvm, ["-NoProfile", "-Command", get], cancellationToken))];
        if (Environment.GetEnvironmentVariable("CVM_KUBECTL") is { Length: > 0 } kubectl)
        {
            contestants.Add(("kubectl get cv -A -o json, a process each", () => TimeAsync(kubectl, ["--kubeconfig", estate.KubeConfig, "get", "cv", "-A", "-o", "json"], cancellationToken)));
            contestants.Add(("kubectl get cv -A, a process each", () => TimeAsync(kubectl, ["--kubeconfig", estate.KubeConfig, "get", "cv", "-A"], cancellationToken)));
        }

        await using Session session = new(get, number);
        contestants.Add(("Get-ContainerVersion -AllNamespaces, in a running session", () => session.TimeAsync(cancellationToken)));

        List<TimeSpan>[] times = [.. contestants.Select(_ => new List<TimeSpan>())];
        for (int i = -2; i < Repetitions; i++)
        {
            for (int c = 0; c < contestants.Count; c++)
            {
                TimeSpan took = await contestants[c].Run();
                if (i >= 0)
                    times[c].Add(took);
            }
        }

        return FigureTable.Of([.. contestants.Select((contestant, c) => new Measurement(contestant.Name, times[c], null))]);
    }

    private static async Task<TimeSpan> TimeAsync(string program, IEnumerable<string> arguments, CancellationToken cancellationToken)
    {
        long begun = Stopwatch.GetTimestamp();
        using Process process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true })!;
        // As bytes: reading must cost the peer nothing.
        await process.StandardOutput.BaseStream.CopyToAsync(Stream.Null, cancellationToken);
        await process.WaitForExitAsync(cancellationToken);
        return process.ExitCode == 0 ? Stopwatch.GetElapsedTime(begun) : throw new InvalidOperationException($"{program} ended with {process.ExitCode}.");
    }

    /// <summary>A session in a process of its own, which reads once for each line that it is sent, and times that itself.</summary>
    private sealed class Session : IAsyncDisposable
    {
        private readonly Process _process;
        private readonly int _count;

        public Session(string get, int count)
        {
            _count = count;
            string command = $"while ($null -ne [Console]::In.ReadLine()) {{ $w = [Diagnostics.Stopwatch]::StartNew(); $n = {get}; \"$n $($w.Elapsed.Ticks)\" }}";
            _process = Process.Start(new ProcessStartInfo(ControllerProcess.Cvm, ["-NoProfile", "-Command", command]) { RedirectStandardInput = true, RedirectStandardOutput = true })!;
        }

        public async Task<TimeSpan> TimeAsync(CancellationToken cancellationToken)
        {
            await _process.StandardInput.WriteLineAsync("again".AsMemory(), cancellationToken);
            await _process.StandardInput.FlushAsync(cancellationToken);
            string[] answer = (await _process.StandardOutput.ReadLineAsync(cancellationToken) ?? throw new InvalidOperationException("The session ended.")).Split(' ');
            return int.Parse(answer[0], CultureInfo.InvariantCulture) == _count
                ? TimeSpan.FromTicks(long.Parse(answer[1], CultureInfo.InvariantCulture))
                : throw new InvalidOperationException($"It read {answer[0]} ContainerVersions, not {_count}.");
        }

        public async ValueTask DisposeAsync()
        {
            _process.StandardInput.Close();
            await _process.WaitForExitAsync(CancellationToken.None);
            _process.Dispose();
        }
    }
}
