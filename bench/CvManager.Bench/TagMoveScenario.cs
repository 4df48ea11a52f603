using System.Diagnostics;
using System.Globalization;

namespace CvManager.Bench;

/// <summary>Measures the delay between a tag move and the patch of the workload, when the controller finds the move by polling.</summary>
internal sealed class TagMoveScenario : IScenario
{
    private const int PollSeconds = 5;
    private const int Moves = 600;

    private static readonly TimeSpan Between = TimeSpan.FromMilliseconds(100);

    public string Name => "tag-move";

    public string Description =>
        "the controller on a sandbox: delay between a tag move and the patch of the Deployment, at a poll interval of 5 s; "
        + "600 moves in a minute, at most one for each ContainerVersion";

    public string Number => "ContainerVersions, each with its own tag and Deployment";

    public int DefaultNumber => 1000;

    public async Task<FigureTable> RunAsync(int number, CancellationToken cancellationToken)
    {
        await using var estate = await Estate.StartAsync(number, PollSeconds, 1, cancellationToken);
        var upToDate = estate.UpToDate();
        await using var controller = ControllerProcess.Start(estate.KubeConfig, Estate.KeyOf(0));
        await upToDate.CompletedAsync(TimeSpan.FromMinutes(5), controller, cancellationToken);
        // Lets the controller spread its polls over the interval.
        await Task.Delay(TimeSpan.FromSeconds(3 * PollSeconds), cancellationToken);

        int[] moved = [.. Enumerable.Range(0, number).OrderBy(_ => Random.Shared.Next()).Take(Moves)];
        Dictionary<string, long> moveTimes = new(StringComparer.Ordinal);
        var patched = estate.Patched(moved);
        var processorBefore = controller.ProcessorTime;
        var sandboxBefore = Environment.CpuUsage.TotalTime;
        var started = Stopwatch.GetTimestamp();
        foreach (var index in moved)
        {
            estate.Move(index, 2);
            moveTimes[Estate.KeyOf(index)] = Stopwatch.GetTimestamp();
            await Task.Delay(Between, cancellationToken);
        }

        await patched.CompletedAsync(TimeSpan.FromMinutes(2), controller, cancellationToken);
        var took = Stopwatch.GetElapsedTime(started);
        Measurement delays = new(
            "tag move to patched Deployment, polled every 5 s",
            [.. moveTimes.Select(move => Stopwatch.GetElapsedTime(move.Value, patched.Met[move.Key]))],
            null
        );
        return new FigureTable(
            ["what", "median s", "p99 s", "max s", "controller", "sandbox"],
            [
                [
                    delays.Contestant,
                    Seconds(delays.Percentile(0.5)),
                    Seconds(delays.Percentile(0.99)),
                    Seconds(delays.Percentile(1)),
                    Share((controller.ProcessorTime - processorBefore) / took),
                    Share((Environment.CpuUsage.TotalTime - sandboxBefore) / took),
                ],
            ]
        );
    }

    private static string Seconds(TimeSpan time) => time.TotalSeconds.ToString("0.00", CultureInfo.InvariantCulture);

    private static string Share(double share) => share.ToString("P0", CultureInfo.InvariantCulture) + " of a core";
}
