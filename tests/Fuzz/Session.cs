using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;

namespace CvManager.Fuzz;

/// <summary>Tries mutated samples, all targets in turns, until its time is over.</summary>
internal static class Session
{
    public const string CurrentFile = "current";

    /// <summary>The same fault is found again and again: a few of each are enough.</summary>
    private const int MostOfOneKind = 3;

    public static async Task<int> RunAsync(IReadOnlyList<Target> targets, int seed, TimeSpan duration, string folder)
    {
        Mutator mutator = new(new Random(seed));
        Dictionary<string, int> kinds = [];
        long tried = 0;
        int findings = 0;
        Stopwatch clock = Stopwatch.StartNew();
        await using FileStream current = new(Path.Combine(folder, CurrentFile), FileMode.Create, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0);
        using Timer watchdog = new(_ => Environment.FailFast("An input did not come to an end."));
        while (clock.Elapsed < duration)
        {
            Target target = targets[(int)(tried % targets.Count)];
            byte[] input = mutator.Mutate(target.Samples, target.Words);
            current.SetLength(0);
            current.Position = 0;
            current.Write([.. Encoding.ASCII.GetBytes(target.Name + "\n"), .. input]);
            watchdog.Change(Trial.WallLimit, Timeout.InfiniteTimeSpan);
            Finding? found = await Trial.RunAsync(target, input);
            watchdog.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
            tried++;
            if (found is null || (kinds[found.Kind] = kinds.GetValueOrDefault(found.Kind) + 1) > MostOfOneKind)
                continue;
            findings++;
            string kept = Path.Combine(folder, $"{target.Name}-{Convert.ToHexStringLower(SHA256.HashData(input))[..12]}");
            await File.WriteAllBytesAsync(kept, input);
            Console.WriteLine($"FINDING --target {target.Name} --input {kept}: {found}");
        }

        Console.WriteLine($"session {tried} {findings}");
        return findings == 0 ? 0 : 1;
    }
}
