using System.Diagnostics;
using System.Globalization;

namespace CvManager.Fuzz;

/// <summary>Runs sessions in processes of their own, one after the other while there is time: one that dies is a finding, and not the end.</summary>
internal static class Supervisor
{
    /// <summary>Bytes of managed memory of a session (768 MiB): beyond it, it ends, and its input is a finding.</summary>
    private const string HeapLimit = "0x30000000";

    public static async Task<int> RunAsync(string[] args, int seed, TimeSpan duration, string folder)
    {
        Console.WriteLine($"seed {seed}, {duration.TotalMinutes:0.#} minutes, findings in {folder}");
        long inputs = 0;
        int findings = 0;
        Stopwatch clock = Stopwatch.StartNew();
        for (int session = 0; clock.Elapsed < duration; session++)
        {
            using Process child = Start(args, seed + session, duration - clock.Elapsed, folder);
            while (await child.StandardOutput.ReadLineAsync() is { } line)
            {
                if (line.Split(' ') is ["session", var tried, var found])
                {
                    inputs += long.Parse(tried, CultureInfo.InvariantCulture);
                    findings += int.Parse(found, CultureInfo.InvariantCulture);
                }
                else
                {
                    Console.WriteLine(line);
                }
            }

            await child.WaitForExitAsync();
            if (child.ExitCode is 0 or 1)
                continue;
            findings++;
            string kept = Path.Combine(folder, $"died-{seed + session}");
            File.Copy(Path.Combine(folder, Session.CurrentFile), kept, overwrite: true);
            Console.WriteLine($"FINDING the process ended with {child.ExitCode} on {kept} (its first line is the target's name)");
        }

        Console.WriteLine($"{inputs} inputs, {findings} findings");
        return findings == 0 ? 0 : 1;
    }

    private static Process Start(string[] args, int seed, TimeSpan left, string folder)
    {
        // Started by `dotnet run` or by its own program: either way by the same path and assembly.
        string program = Environment.ProcessPath!;
        string[] assembly = Path.GetFileNameWithoutExtension(program) == "dotnet" ? [typeof(Supervisor).Assembly.Location] : [];
        string[] target = Array.IndexOf(args, "--target") is >= 0 and var at ? ["--target", args[at + 1]] : [];
        ProcessStartInfo start = new(program, [.. assembly, "--child", "yes", "--seed", seed.ToString(CultureInfo.InvariantCulture),
            "--minutes", left.TotalMinutes.ToString(CultureInfo.InvariantCulture), "--folder", folder, .. target])
        {
            RedirectStandardOutput = true,
        };
        start.Environment["DOTNET_GCHeapHardLimit"] = HeapLimit;
        start.Environment["DOTNET_DbgEnableMiniDump"] = "0";
        return Process.Start(start)!;
    }
}
