using System.Diagnostics;
using System.Globalization;

namespace CvManager.Bench;

/// <summary>
/// The controller at size: how long it takes until it has seen everything, to roll out everything, and what it costs while nothing happens.
/// The sandbox that it works against runs in this process; its processor time is shown apart.
/// </summary>
internal sealed class ControllerScenario : IScenario
{
    private const int PollSeconds = 60;

    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(15);
    private static readonly TimeSpan Steady = TimeSpan.FromMinutes(3);

    private readonly List<string[]> _rows = [];

    public string Name => "controller";

    public string Description => "cvm's controller on a sandbox: first sync, restart, three quiet minutes at a poll interval of 60 s, all tags moved at once; CVM_BENCH_STEPS leaves steps out: any of first,restart,quiet,rollout";

    public string Number => "ContainerVersions, each with a tag and a Deployment of its own";

    public int DefaultNumber => 10_000;

    public async Task<FigureTable> RunAsync(int number, CancellationToken cancellationToken)
    {
        string[] steps = (Environment.GetEnvironmentVariable("CVM_BENCH_STEPS") ?? "first,restart,quiet,rollout").Split(',');
        await using Estate estate = await Estate.StartAsync(number, PollSeconds, 0, cancellationToken);
        Console.Error.WriteLine($"{number} ContainerVersions are there, for which the sandbox took {Seconds(Environment.CpuUsage.TotalTime)} of processor time");

        // The first step is needed by all others.
        await SyncAsync(estate, "first sync: no status yet, workloads up to date", estate.UpToDate(), cancellationToken);
        if (steps.Contains("restart") || steps.Contains("quiet"))
        {
            await SyncAsync(estate, "restart: nothing to change", estate.LookedAt(), cancellationToken, async controller =>
            {
                if (steps.Contains("quiet"))
                    await StayAsync(estate, controller, cancellationToken);
            });
        }

        if (steps.Contains("rollout"))
        {
            Expectation patched = estate.Patched();
            Expectation upToDate = estate.UpToDate();
            estate.MoveAll();
            await SyncAsync(estate, "restart: all tags moved, all rolled out", upToDate, cancellationToken,
                before: () => _rows.Add([$"until the last of {number} Deployments was patched", "", "", "", ""]), patched: patched);
        }

        return new FigureTable(["what", "time", "controller's processor time", "controller's memory", "requests; sandbox's processor time"], _rows);
    }

    /// <summary>From the start of the process until what is expected has happened; then what is to be done with it.</summary>
    private async Task SyncAsync(Estate estate, string title, Expectation expected, CancellationToken cancellationToken,
        Func<ControllerProcess, Task>? then = null, Action? before = null, Expectation? patched = null)
    {
        RequestCounts countsBefore = estate.Requests;
        TimeSpan sandboxBefore = Environment.CpuUsage.TotalTime;
        long begun = Stopwatch.GetTimestamp();
        await using ControllerProcess controller = ControllerProcess.Start(estate.KubeConfig, Estate.KeyOf(0));
        await expected.CompletedAsync(Limit, controller, cancellationToken);
        TimeSpan took = Stopwatch.GetElapsedTime(begun, expected.Met.Values.Max());
        Add($"{title} (all read after {Seconds(controller.AllIsRead ?? TimeSpan.Zero)})", Seconds(took), Seconds(controller.ProcessorTime), controller,
            $"{estate.Requests - countsBefore}; {Seconds(Environment.CpuUsage.TotalTime - sandboxBefore)}");
        if (patched is not null)
        {
            before?.Invoke();
            _rows[^1][1] = Seconds(Stopwatch.GetElapsedTime(begun, patched.Met.Values.Max()));
        }

        if (then is not null)
            await then(controller);
    }

    /// <summary>A few minutes in which nothing happens; then the heap, which is told when one tag moves.</summary>
    private async Task StayAsync(Estate estate, ControllerProcess controller, CancellationToken cancellationToken)
    {
        // An interval on, looks are spread, and what the start left behind is settled.
        await Task.Delay(TimeSpan.FromSeconds(PollSeconds), cancellationToken);
        RequestCounts countsBefore = estate.Requests;
        TimeSpan sandboxBefore = Environment.CpuUsage.TotalTime;
        TimeSpan processorBefore = controller.ProcessorTime;
        long begun = Stopwatch.GetTimestamp();
        await Task.Delay(Steady, cancellationToken);
        TimeSpan took = Stopwatch.GetElapsedTime(begun);
        RequestCounts counts = estate.Requests - countsBefore;
        double share = (controller.ProcessorTime - processorBefore) / took;
        string perPoll = string.Create(CultureInfo.InvariantCulture, $"{counts.Registry / (took.TotalSeconds / PollSeconds):0} registry requests per poll for {estate.Count} tags");
        Add("quiet", Seconds(took), share.ToString("P1", CultureInfo.InvariantCulture) + " of a core", controller, $"{perPoll}; {counts}; {Seconds(Environment.CpuUsage.TotalTime - sandboxBefore)}");

        estate.Move(0, 999);
        long heap = await controller.HeapAsync(cancellationToken);
        _rows.Add(["managed objects after a full collection", "", "", string.Create(CultureInfo.InvariantCulture, $"{heap / 1e6:0} MB"), ""]);
    }

    private void Add(string what, string time, string processor, ControllerProcess controller, string rest)
    {
        string memory = string.Create(CultureInfo.InvariantCulture, $"{controller.ResidentMegabytes:0} MB resident, peak {controller.PeakMegabytes:0} MB");
        _rows.Add([what, time, processor, memory, rest]);
        Console.Error.WriteLine(string.Join(" | ", _rows[^1]));
        if (controller.Complaints > 0)
            Console.Error.WriteLine($"The controller logged {controller.Complaints} warnings and errors.");
    }

    private static string Seconds(TimeSpan time) => string.Create(CultureInfo.InvariantCulture, $"{time.TotalSeconds:0.0} s");
}
