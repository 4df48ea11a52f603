using System.Globalization;
using CvManager.Bench;

IScenario[] scenarios = [new AddTagScenario()];

IScenario? scenario = args is [var name, ..] ? scenarios.FirstOrDefault(s => s.Name == name) : null;
int repetitions = 100;
if (scenario is null || args.Length > 2 || (args.Length == 2 && (!int.TryParse(args[1], NumberStyles.None, CultureInfo.InvariantCulture, out repetitions) || repetitions < 1)))
{
    Console.Error.WriteLine("CvManager.Bench SCENARIO [REPETITIONS]");
    foreach (IScenario known in scenarios)
        Console.Error.WriteLine($"  {known.Name}: {known.Description}");
    return 64;
}

using CancellationTokenSource stop = new();
Console.CancelKeyPress += (_, e) =>
{
    e.Cancel = true;
    stop.Cancel();
};
IReadOnlyList<Measurement> measurements = await scenario.RunAsync(repetitions, stop.Token);

Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{scenario.Name}, {repetitions} repetitions each, in turns; {Environment.ProcessorCount} cores, .NET {Environment.Version}"));
Console.WriteLine();
Console.WriteLine("| contestant | median ms | p99 ms | least ms | requests |");
Console.WriteLine("| --- | ---: | ---: | ---: | ---: |");
foreach (Measurement one in measurements)
{
    Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
        $"| {one.Contestant} | {one.Percentile(0.5).TotalMilliseconds:0.0} | {one.Percentile(0.99).TotalMilliseconds:0.0} | {one.Times.Min().TotalMilliseconds:0.0} | {one.Requests:0.#} |"));
}

return 0;
