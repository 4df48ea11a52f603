using System.Globalization;
using CvManager.Bench;

IScenario[] scenarios =
[
    new AddTagScenario(),
    new ControllerScenario(),
    new MemoryScenario(),
    new TagMoveScenario(),
    new GetScenario(),
    new ImportScenario(),
    new FaultsScenario(),
];

var scenario = args is [var name, ..] ? scenarios.FirstOrDefault(s => s.Name == name) : null;
var number = scenario?.DefaultNumber ?? 0;
if (
    scenario is null
    || args.Length > 2
    || (args.Length == 2 && (!int.TryParse(args[1], NumberStyles.None, CultureInfo.InvariantCulture, out number) || number < 1))
)
{
    Console.Error.WriteLine("CvManager.Bench SCENARIO [NUMBER]");
    foreach (var known in scenarios)
        Console.Error.WriteLine($"  {known.Name} [{known.Number}, {known.DefaultNumber}]: {known.Description}");
    return 64;
}

using CancellationTokenSource stop = new();
Console.CancelKeyPress += (_, e) =>
{
    e.Cancel = true;
    stop.Cancel();
};
var figures = await scenario.RunAsync(number, stop.Token);

Console.WriteLine(
    string.Create(
        CultureInfo.InvariantCulture,
        $"{scenario.Name}, {number} {scenario.Number}; {Environment.ProcessorCount} cores, .NET {Environment.Version}"
    )
);
Console.WriteLine();
Console.WriteLine(figures);
return 0;
