using System.Diagnostics;
using System.Globalization;

namespace CvManager.Bench;

/// <summary>
/// The controller with many ContainerVersions: the duration of the initial sync and of a rollout of everything, and the cost when idle.
/// The sandbox runs in this process; its processor time is shown separately.
/// </summary>
internal sealed class ControllerScenario : IScenario
{
    private const int PollSeconds = 60;

    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(15);
    private static readonly TimeSpan Steady = TimeSpan.FromMinutes(3);

    private readonly List<string[]> _rows = [];

    public string Name => "controller";

    public string Description =>
        "the controller on a sandbox: initial sync, restart, three idle minutes at a poll interval of 60 s, all tags moved at once; "
        + "CVM_BENCH_STEPS selects steps: first,restart,quiet,rollout";

    public string Number => "ContainerVersions, each with its own tag and Deployment";

    public int DefaultNumber => 10_000;

    public async Task<FigureTable> RunAsync(int number, CancellationToken cancellationToken)
    {
        var steps = (Environment.GetEnvironmentVariable("CVM_BENCH_STEPS") ?? "first,restart,quiet,rollout").Split(',');
        await using var estate = await Estate.StartAsync(number, PollSeconds, 0, cancellationToken);
        Console.Error.WriteLine(
            $"Created {number} ContainerVersions; processor time of the sandbox: {Seconds(Environment.CpuUsage.TotalTime)}"
        );

        // All other steps need the first one.
        await SyncAsync(estate, "initial sync: no status yet, workloads up to date", estate.UpToDate(), cancellationToken);
        if (steps.Contains("restart") || steps.Contains("quiet"))
        {
            await SyncAsync(
                estate,
                "restart: nothing to change",
                estate.TagsRead(),
                cancellationToken,
                async controller =>
                {
                    if (steps.Contains("quiet"))
                        await IdleAsync(estate, controller, cancellationToken);
                }
            );
        }

        if (steps.Contains("rollout"))
        {
            var patched = estate.Patched();
            var upToDate = estate.UpToDate();
            estate.MoveAll();
            await SyncAsync(
                estate,
                "restart: all tags moved, all rolled out",
                upToDate,
                cancellationToken,
                before: () => _rows.Add([$"until the last of {number} Deployments was patched", "", "", "", ""]),
                patched: patched
            );
        }

        return new FigureTable(
            ["what", "time", "controller processor time", "controller memory", "requests; sandbox processor time"],
            _rows
        );
    }

    /// <summary>Starts a controller, measures the time until the expected events have happened, and then runs a further step.</summary>
    private async Task SyncAsync(
        Estate estate,
        string title,
        Expectation expected,
        CancellationToken cancellationToken,
        Func<ControllerProcess, Task>? then = null,
        Action? before = null,
        Expectation? patched = null
    )
    {
        var countsBefore = estate.Requests;
        var sandboxBefore = Environment.CpuUsage.TotalTime;
        var started = Stopwatch.GetTimestamp();
        await using var controller = ControllerProcess.Start(estate.KubeConfig, Estate.KeyOf(0));
        await expected.CompletedAsync(Limit, controller, cancellationToken);
        var took = Stopwatch.GetElapsedTime(started, expected.Met.Values.Max());
        Add(
            $"{title} (initial sync complete after {Seconds(controller.InitialSync ?? TimeSpan.Zero)})",
            Seconds(took),
            Seconds(controller.ProcessorTime),
            controller,
            $"{estate.Requests - countsBefore}; {Seconds(Environment.CpuUsage.TotalTime - sandboxBefore)}"
        );
        if (patched is not null)
        {
            before?.Invoke();
            _rows[^1][1] = Seconds(Stopwatch.GetElapsedTime(started, patched.Met.Values.Max()));
        }

        if (then is not null)
            await then(controller);
    }

    /// <summary>Measures the cost of some minutes without changes, and then the size of the heap.</summary>
    private async Task IdleAsync(Estate estate, ControllerProcess controller, CancellationToken cancellationToken)
    {
        // After one interval, polls are spread evenly, and work left from the start is done.
        await Task.Delay(TimeSpan.FromSeconds(PollSeconds), cancellationToken);
        var countsBefore = estate.Requests;
        var sandboxBefore = Environment.CpuUsage.TotalTime;
        var processorBefore = controller.ProcessorTime;
        var started = Stopwatch.GetTimestamp();
        await Task.Delay(Steady, cancellationToken);
        var took = Stopwatch.GetElapsedTime(started);
        var counts = estate.Requests - countsBefore;
        var share = (controller.ProcessorTime - processorBefore) / took;
        var perPoll = string.Create(
            CultureInfo.InvariantCulture,
            $"{counts.Registry / (took.TotalSeconds / PollSeconds):0} registry requests per poll for {estate.Count} tags"
        );
        Add(
            "idle",
            Seconds(took),
            share.ToString("P1", CultureInfo.InvariantCulture) + " of a core",
            controller,
            $"{perPoll}; {counts}; {Seconds(Environment.CpuUsage.TotalTime - sandboxBefore)}"
        );

        estate.Move(0, 999);
        var heap = await controller.HeapAsync(cancellationToken);
        _rows.Add([
            "managed objects after a full collection",
            "",
            "",
            string.Create(CultureInfo.InvariantCulture, $"{heap / 1e6:0} MB"),
            "",
        ]);
    }

    private void Add(string what, string time, string processor, ControllerProcess controller, string details)
    {
        var memory = string.Create(
            CultureInfo.InvariantCulture,
            $"{controller.ResidentMegabytes:0} MB resident, peak {controller.PeakMegabytes:0} MB"
        );
        _rows.Add([what, time, processor, memory, details]);
        Console.Error.WriteLine(string.Join(" | ", _rows[^1]));
        if (controller.Warnings > 0)
            Console.Error.WriteLine($"The controller logged {controller.Warnings} warnings or errors.");
    }

    private static string Seconds(TimeSpan time) => string.Create(CultureInfo.InvariantCulture, $"{time.TotalSeconds:0.0} s");
}
