using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;

namespace CvManager.Fuzz;

/// <summary>Runs mutated samples on all targets in rotation, for a given time.</summary>
internal static class Session
{
    public const string CurrentFile = "current";

    /// <summary>The maximum number of findings of one kind, because one bug causes many findings.</summary>
    private const int MaxPerKind = 3;

    public static async Task<int> RunAsync(IReadOnlyList<Target> targets, int seed, TimeSpan duration, string folder)
    {
        Mutator mutator = new(new Random(seed));
        Dictionary<string, int> kinds = [];
        long inputs = 0;
        var findings = 0;
        var clock = Stopwatch.StartNew();
        await using FileStream current = new(
            Path.Combine(folder, CurrentFile),
            FileMode.Create,
            FileAccess.Write,
            FileShare.ReadWrite,
            bufferSize: 0
        );
        using Timer watchdog = new(_ => Environment.FailFast("An input did not complete in time."));
        while (clock.Elapsed < duration)
        {
            var target = targets[(int)(inputs % targets.Count)];
            var input = mutator.Mutate(target.Samples, target.Words);
            current.SetLength(0);
            current.Position = 0;
            current.Write([.. Encoding.ASCII.GetBytes(target.Name + "\n"), .. input]);
            watchdog.Change(Trial.WallLimit, Timeout.InfiniteTimeSpan);
            var found = await Trial.RunAsync(target, input);
            watchdog.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
            inputs++;
            if (found is null || (kinds[found.Kind] = kinds.GetValueOrDefault(found.Kind) + 1) > MaxPerKind)
                continue;
            findings++;
            var path = Path.Combine(folder, $"{target.Name}-{Convert.ToHexStringLower(SHA256.HashData(input))[..12]}");
            await File.WriteAllBytesAsync(path, input);
            Console.WriteLine($"FINDING --target {target.Name} --input {path}: {found}");
        }

        Console.WriteLine($"session {inputs} {findings}");
        return findings == 0 ? 0 : 1;
    }
}
