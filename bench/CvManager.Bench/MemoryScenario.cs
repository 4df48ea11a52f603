using System.Diagnostics;
using System.Globalization;

namespace CvManager.Bench;

/// <summary>
/// The memory of the controller, run from the files of its image, after a restart with nothing to change, with settings of the runtime and
/// memory limits. The sandbox runs in this process.
/// </summary>
/// <remarks>
/// CVM_BENCH_IMAGE is the build context of the image. CVM_BENCH_SETTINGS replaces the contestants: "name: VARIABLE=value …; name: …", where the
/// variable LIMIT is the memory limit in MiB. Linux only, as root.
/// </remarks>
internal sealed class MemoryScenario : IScenario
{
    private const int PollSeconds = 60;

    /// <summary>Those of the image are in deploy/docker/Dockerfile.</summary>
    private const string DefaultContestants =
        "defaults of the runtime: ; those of the image: DOTNET_GCgen0size=0x400000; "
        + "those of the image, limit 256 MiB: DOTNET_GCgen0size=0x400000 LIMIT=256; "
        + "those of the image, limit 128 MiB: DOTNET_GCgen0size=0x400000 LIMIT=128";

    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(15);

    public string Name => "memory";

    public string Description =>
        "the memory of the controller after a restart with nothing to change; CVM_BENCH_SETTINGS: settings of the runtime";

    public string Number => "ContainerVersions, each with its own tag and Deployment";

    public int DefaultNumber => 10_000;

    public async Task<FigureTable> RunAsync(int number, CancellationToken cancellationToken)
    {
        var image = Path.GetFullPath(Environment.GetEnvironmentVariable("CVM_BENCH_IMAGE") ?? "artifacts-image");
        await using var estate = await Estate.StartAsync(number, PollSeconds, 0, cancellationToken);
        var upToDate = estate.UpToDate();
        using (MemoryGroup unlimited = new(null))
        await using (var first = ControllerProcess.StartAsInImage(estate.KubeConfig, image, unlimited, []))
            await upToDate.CompletedAsync(Limit, first, cancellationToken);

        List<string[]> rows = [];
        foreach (var contestant in (Environment.GetEnvironmentVariable("CVM_BENCH_SETTINGS") ?? DefaultContestants).Split(';'))
        {
            rows.Add(await MeasureAsync(estate, image, Contestant.Parse(contestant), cancellationToken));
            Console.Error.WriteLine(string.Join(" | ", rows[^1]));
        }

        return new FigureTable(
            [
                "settings",
                "initial sync",
                "all tags read",
                "processor time until then",
                "peak, resident MB",
                "a minute later, resident MB",
                "of it not of files",
            ],
            rows
        );
    }

    private static async Task<string[]> MeasureAsync(
        Estate estate,
        string image,
        Contestant contestant,
        CancellationToken cancellationToken
    )
    {
        using MemoryGroup group = new(contestant.Limit);
        var read = estate.TagsRead();
        var started = Stopwatch.GetTimestamp();
        await using var controller = ControllerProcess.StartAsInImage(estate.KubeConfig, image, group, contestant.Variables);
        try
        {
            await read.CompletedAsync(Limit, controller, cancellationToken);
            var took = Stopwatch.GetElapsedTime(started, read.Met.Values.Max());
            var processor = controller.ProcessorTime;
            // One poll of all tags.
            await Task.Delay(TimeSpan.FromSeconds(PollSeconds), cancellationToken);
            controller.ThrowIfExited();
            return
            [
                contestant.Name,
                Seconds(controller.InitialSync ?? TimeSpan.Zero),
                Seconds(took),
                Seconds(processor),
                Megabytes(controller.PeakMegabytes),
                Megabytes(controller.ResidentMegabytes),
                Megabytes(group.UnreclaimableMegabytes),
            ];
        }
        catch (InvalidOperationException e)
        {
            // Killed, because it needs more than the limit.
            return [contestant.Name, e.Message, "", "", "", "", ""];
        }
    }

    private static string Seconds(TimeSpan time) => string.Create(CultureInfo.InvariantCulture, $"{time.TotalSeconds:0.0} s");

    private static string Megabytes(double megabytes) => string.Create(CultureInfo.InvariantCulture, $"{megabytes:0}");

    /// <param name="Name">Shown in the table.</param>
    /// <param name="Limit">The memory limit in MiB; null for none.</param>
    /// <param name="Variables">Environment variables.</param>
    private sealed record Contestant(string Name, int? Limit, IReadOnlyDictionary<string, string> Variables)
    {
        public static Contestant Parse(string text)
        {
            var parts = text.Split(':', 2);
            var variables = parts[1]
                .Split(' ', StringSplitOptions.RemoveEmptyEntries)
                .Select(pair => pair.Split('=', 2))
                .ToDictionary(pair => pair[0], pair => pair[1]);
            return new Contestant(
                parts[0].Trim(),
                variables.Remove("LIMIT", out var limit) ? int.Parse(limit, CultureInfo.InvariantCulture) : null,
                variables
            );
        }
    }
}
