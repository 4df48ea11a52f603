using System.Globalization;
using CvManager.Fuzz;

// Feeds mutated samples to everything that reads what somebody else wrote. The only right endings are a value and a CvException.
//   CvManager.Fuzz [--minutes 1] [--seed N] [--target NAME] [--input FILE]     --input tries one file on --target
// The last line is "N inputs, N findings"; the exit code is 1 where there are findings. Each is a file to try again.
Dictionary<string, string> options = [];
for (int i = 0; i + 1 < args.Length; i += 2)
    options[args[i]] = args[i + 1];
IReadOnlyList<Target> targets = [.. Target.All().Where(target => !options.TryGetValue("--target", out string? name) || target.Name == name)];
if (targets.Count == 0)
{
    Console.Error.WriteLine($"--target is one of {string.Join(", ", Target.All().Select(target => target.Name))}.");
    return 2;
}

if (options.TryGetValue("--input", out string? file))
{
    Finding? found = await Trial.RunAsync(targets[0], await File.ReadAllBytesAsync(file));
    Console.WriteLine(found?.ToString() ?? "no finding");
    return found is null ? 0 : 1;
}

double minutes = double.Parse(options.GetValueOrDefault("--minutes", "1"), CultureInfo.InvariantCulture);
int seed = options.TryGetValue("--seed", out string? given) ? int.Parse(given, CultureInfo.InvariantCulture) : Random.Shared.Next();
string folder = options.GetValueOrDefault("--folder", Path.Combine(Path.GetTempPath(), $"cvm-fuzz-{seed}"));
Directory.CreateDirectory(folder);
// What is being tried is in a file: an input that ends the process (a stack overflow, no memory) is found by whoever started this one.
return options.ContainsKey("--child")
    ? await Session.RunAsync(targets, seed, TimeSpan.FromMinutes(minutes), folder)
    : await Supervisor.RunAsync(args, seed, TimeSpan.FromMinutes(minutes), folder);
