using System.Diagnostics;
using System.Globalization;
using CvManager.Sandbox.Registry;
using CvManager.Support;

namespace CvManager.Bench;

/// <summary>
/// Imports the module into new pwsh processes, alone and with a first command against a sandbox in this process, compared with pwsh alone
/// and, if there is one, with another build of the module.
/// </summary>
internal sealed class ImportScenario : IScenario
{
    public string Name => "import";

    public string Description =>
        "Import-Module CvManager and a first command in a new pwsh process each time; CVM_BENCH_MODULE is the manifest of the module, "
        + "CVM_BENCH_OTHER that of another build to compare with";

    public string Number => "repetitions";

    public int DefaultNumber => 20;

    public async Task<FigureTable> RunAsync(int number, CancellationToken cancellationToken)
    {
        await using var estate = await Estate.StartAsync(10, 300, 0, cancellationToken);
        await using var registry = await SandboxRegistry.StartAsync(new SandboxRegistryOptions(), cancellationToken);
        await BenchImage.PushAsync(new Uri($"http://{registry.Host}/v2/bench/image/"), "1", cancellationToken);
        (string Name, string Command)[] commands =
        [
            ("Import-Module CvManager", ""),
            ("import and Add-CvRegistryTag", $"; Add-CvRegistryTag -Repository {registry.Host}/bench/image -Version 1 -Tag moved"),
            ("import and Get-ContainerVersion", $"; $null = Get-ContainerVersion -AllNamespaces -KubeConfig '{estate.KubeConfig}'"),
        ];
        List<(string Name, string Command)> contestants = [("pwsh alone", "")];
        AddBuild("", Setting("CVM_BENCH_MODULE") ?? Path.Combine(RepositoryRoot.Path, "module", "CvManager", "CvManager.psd1"));
        if (Setting("CVM_BENCH_OTHER") is { } other)
            AddBuild(", CVM_BENCH_OTHER", other);

        List<Run>[] runs = [.. contestants.Select(_ => new List<Run>())];
        for (var i = -2; i < number; i++)
        {
            for (var turn = 0; turn < contestants.Count; turn++)
            {
                // Not always in the same order: what ran before has an effect.
                var c = (turn + i + 2) % contestants.Count;
                var run = await RunAsync(contestants[c].Command, cancellationToken);
                if (i >= 0)
                    runs[c].Add(run);
            }
        }

        return new FigureTable(
            ["contestant", "process, median ms", "processor time, median ms", "command, median ms", "command, min ms", "resident MB"],
            [
                .. contestants.Select(
                    (contestant, c) =>
                        (string[])
                            [
                                contestant.Name,
                                Median(runs[c], run => run.Elapsed.TotalMilliseconds),
                                Median(runs[c], run => run.Processor.TotalMilliseconds),
                                contestant.Command.Length == 0 ? "" : Median(runs[c], run => run.Import.TotalMilliseconds),
                                contestant.Command.Length == 0
                                    ? ""
                                    : runs[c].Min(run => run.Import.TotalMilliseconds).ToString("0", CultureInfo.InvariantCulture),
                                Median(runs[c], run => run.Resident / 1e6),
                            ]
                ),
            ]
        );

        void AddBuild(string suffix, string manifest)
        {
            foreach (var (name, command) in commands)
                contestants.Add((name + suffix, $"Import-Module '{manifest}'{command}"));
        }
    }

    private static string? Setting(string variable) => Environment.GetEnvironmentVariable(variable) is { Length: > 0 } value ? value : null;

    private static string Median(List<Run> runs, Func<Run, double> value) =>
        runs.Select(value).Order().ElementAt(runs.Count / 2).ToString("0", CultureInfo.InvariantCulture);

    private static async Task<Run> RunAsync(string command, CancellationToken cancellationToken)
    {
        var script =
            $"$watch = [Diagnostics.Stopwatch]::StartNew(); {command}; $import = $watch.Elapsed.Ticks; "
            + "$process = [Diagnostics.Process]::GetCurrentProcess(); "
            + "\"$import $($process.TotalProcessorTime.Ticks) $($process.WorkingSet64)\"";
        var started = Stopwatch.GetTimestamp();
        using var process = Process.Start(
            new ProcessStartInfo("dotnet", ["tool", "run", "pwsh", "--", "-NoProfile", "-NonInteractive", "-Command", script])
            {
                WorkingDirectory = RepositoryRoot.Path,
                RedirectStandardOutput = true,
            }
        )!;
        var output = await process.StandardOutput.ReadToEndAsync(cancellationToken);
        await process.WaitForExitAsync(cancellationToken);
        var elapsed = Stopwatch.GetElapsedTime(started);
        long[] numbers =
        [
            .. output.Split(' ', StringSplitOptions.TrimEntries).Select(text => long.Parse(text, CultureInfo.InvariantCulture)),
        ];
        return new Run(elapsed, TimeSpan.FromTicks(numbers[0]), TimeSpan.FromTicks(numbers[1]), numbers[2]);
    }

    /// <summary>One process.</summary>
    /// <param name="Elapsed">From its start to its end.</param>
    /// <param name="Import">The duration of the import, and of the command if there is one.</param>
    /// <param name="Processor">The processor time of the process afterwards.</param>
    /// <param name="Resident">Its resident memory then, in bytes.</param>
    private sealed record Run(TimeSpan Elapsed, TimeSpan Import, TimeSpan Processor, long Resident);
}
