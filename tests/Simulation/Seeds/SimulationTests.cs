using System.Diagnostics;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;
using Xunit.Sdk;
using Xunit.v3;

// Two simulations at once on the single thread would wait for each other forever (VirtualTime.RunUntilAsync).
[assembly: Parallelization(Mode = ParallelMode.None)]

namespace CvManager.Simulation.Seeds;

/// <summary>
/// The invariants in docs/architecture.md over random schedules of tag moves, edits, kills, leader changes and faults. CVM_SIMULATION_SEEDS
/// is the number of seeds (default 50, to keep `dotnet test` fast), CVM_SIMULATION_SEED the first one.
/// </summary>
public sealed class SimulationTests
{
    private const int DefaultSeeds = 50;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Every_invariant_holds_for_every_seed()
    {
        var first = Number("CVM_SIMULATION_SEED") ?? 1;
        var count = Number("CVM_SIMULATION_SEEDS") ?? (Number("CVM_SIMULATION_SEED") is null ? DefaultSeeds : 1);
        List<string> failures = [];
        var watch = Stopwatch.StartNew();
        for (var seed = first; seed < first + count && failures.Count < 5; seed++)
        {
            var outcome = await RunAsync(seed, Mutation.None, Logger(count == 1));
            if (outcome.Violations.Count > 0)
                failures.Add(Describe(seed, outcome));
        }

        TestContext.Current.TestOutputHelper?.WriteLine($"{count} seeds from {first} in {watch.Elapsed.TotalSeconds:0} s");
        Assert.True(failures.Count == 0, string.Join("\n\n", failures));
    }

    [Fact]
    public async Task A_seed_always_produces_the_same_run()
    {
        foreach (var seed in (int[])[3, 4, 5])
        {
            var first = await RunAsync(seed, Mutation.None, NullLogger.Instance);
            var second = await RunAsync(seed, Mutation.None, NullLogger.Instance);

            Assert.Equal(first.Story, second.Story);
            Assert.Equal(Lines(first), Lines(second));
        }

        static IEnumerable<string> Lines(Outcome outcome) => outcome.History.Changes.Select(c => $"{c} {c.Change.After?.ToJsonString()}");
    }

    /// <summary>Verifies that the harness detects faults.</summary>
    [Theory]
    [InlineData("NoGates", 1)]
    [InlineData("NoRivals", 2)]
    [InlineData("NoIntent", 3)]
    [InlineData("NoOutcome", 3)]
    [InlineData("NoRecords", 3)]
    [InlineData("StaleTag", 4)]
    [InlineData("NoQuarantine", 5)]
    [InlineData("Boasting", 6)]
    [InlineData("StaleTag", 6)]
    [InlineData("Chatter", 7)]
    [InlineData("Flood", 8)]
    [InlineData("NoRivals", 9)]
    [InlineData("NoHolds", 10)]
    [InlineData("BroadPatches", 11)]
    [InlineData("Talkative", 12)]
    public async Task A_broken_rule_is_detected_by_its_invariant(string mutation, int invariant)
    {
        List<string> seen = [];
        for (var seed = 1; seed <= 40; seed++)
        {
            var outcome = await RunAsync(seed, Enum.Parse<Mutation>(mutation), NullLogger.Instance);
            if (outcome.Violations.Any(v => v.Invariant == invariant))
                return;
            seen.AddRange(outcome.Violations.Select(v => $"seed {seed}: {v}"));
        }

        Assert.Fail($"{mutation} was not detected by invariant {invariant} in 40 seeds.\n{string.Join('\n', seen.Take(10))}");
    }

    private static async Task<Outcome> RunAsync(int seed, Mutation mutation, ILogger logger)
    {
        ThreadPool.GetMaxThreads(out var threads, out _);
        Assert.Equal(1, threads); // otherwise the order of events would not depend on the seed alone
        return await Task.Run(() => Scenario.RunAsync(seed, mutation, logger, Token), Token);
    }

    private static string Describe(int seed, Outcome outcome) =>
        $"""
            Seed {seed}: {outcome.Violations.Count} violations
              {string.Join("\n  ", outcome.Violations.Take(5))}
            What befell it:
              {string.Join("\n  ", outcome.Story)}
            The resources at the end:
              {string.Join(
                "\n  ",
                outcome.History.Resources.Values.Select(r => r.States[^1].Change.After?.ToJsonString() ?? $"{r.Name}: gone")
            )}
            Again: CVM_SIMULATION_SEED={seed} dotnet run --project tests/Simulation -- -method "*Every_invariant*"
            """;

    private static ILogger Logger(bool verbose) =>
        verbose && TestContext.Current.TestOutputHelper is { } output ? new OutputLogger(output) : NullLogger.Instance;

    private static int? Number(string variable) =>
        int.TryParse(Environment.GetEnvironmentVariable(variable), System.Globalization.CultureInfo.InvariantCulture, out var number)
            ? number
            : null;

    /// <summary>The controllers' log, when a single seed is run.</summary>
    private sealed class OutputLogger(ITestOutputHelper output) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(
            LogLevel logLevel,
            EventId eventId,
            TState state,
            Exception? exception,
            Func<TState, Exception?, string> formatter
        ) => output.WriteLine($"{logLevel.ToString().PadRight(11)} {Actor.Current} {formatter(state, exception)} {exception}");
    }
}
