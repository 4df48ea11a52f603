using System.Globalization;
using CvManager.Fuzz;

// Feeds mutated samples to all parsers of untrusted input. A parser must return a value or throw a CvException.
//   CvManager.Fuzz [--minutes 1] [--seed N] [--target NAME] [--input FILE]     --input runs one file on --target
// The last line is "N inputs, N findings". Exits with 1 if there are findings; the input of each is saved to a file.
Dictionary<string, string> options = [];
for (var i = 0; i + 1 < args.Length; i += 2)
    options[args[i]] = args[i + 1];
IReadOnlyList<Target> targets = [.. Target.All().Where(target => !options.TryGetValue("--target", out var name) || target.Name == name)];
if (targets.Count == 0)
{
    Console.Error.WriteLine($"--target must be one of {string.Join(", ", Target.All().Select(target => target.Name))}.");
    return 2;
}

if (options.TryGetValue("--input", out var file))
{
    var found = await Trial.RunAsync(targets[0], await File.ReadAllBytesAsync(file));
    Console.WriteLine(found?.ToString() ?? "no finding");
    return found is null ? 0 : 1;
}

var minutes = double.Parse(options.GetValueOrDefault("--minutes", "1"), CultureInfo.InvariantCulture);
var seed = options.TryGetValue("--seed", out var value) ? int.Parse(value, CultureInfo.InvariantCulture) : Random.Shared.Next();
var folder = options.GetValueOrDefault("--folder", Path.Combine(Path.GetTempPath(), $"cvm-fuzz-{seed}"));
Directory.CreateDirectory(folder);

// The current input is in a file, so that the parent process can report an input that ends this process (stack overflow, out of memory).
return options.ContainsKey("--child")
    ? await Session.RunAsync(targets, seed, TimeSpan.FromMinutes(minutes), folder)
    : await Supervisor.RunAsync(args, seed, TimeSpan.FromMinutes(minutes), folder);
