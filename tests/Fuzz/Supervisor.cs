using System.Diagnostics;
using System.Globalization;

namespace CvManager.Fuzz;

/// <summary>Runs sessions in child processes, one after the other, for a given time. A crash of a child is a finding.</summary>
internal static class Supervisor
{
    /// <summary>The limit of the managed heap of a session (768 MiB). Exceeding it ends the session, and its input is a finding.</summary>
    private const string HeapLimit = "0x30000000";

    public static async Task<int> RunAsync(string[] args, int seed, TimeSpan duration, string folder)
    {
        Console.WriteLine($"seed {seed}, {duration.TotalMinutes:0.#} minutes, findings in {folder}");
        long inputs = 0;
        var findings = 0;
        var clock = Stopwatch.StartNew();
        for (var session = 0; clock.Elapsed < duration; session++)
        {
            using var child = Start(args, seed + session, duration - clock.Elapsed, folder);
            while (await child.StandardOutput.ReadLineAsync() is { } line)
            {
                if (line.Split(' ') is ["session", var count, var found])
                {
                    inputs += long.Parse(count, CultureInfo.InvariantCulture);
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
            var path = Path.Combine(folder, $"died-{seed + session}");
            File.Copy(Path.Combine(folder, Session.CurrentFile), path, overwrite: true);
            Console.WriteLine(
                $"FINDING the process exited with code {child.ExitCode} on {path} (the first line is the name of the target)"
            );
        }

        Console.WriteLine($"{inputs} inputs, {findings} findings");
        return findings == 0 ? 0 : 1;
    }

    private static Process Start(string[] args, int seed, TimeSpan remaining, string folder)
    {
        // If this process was started with `dotnet`, the child needs the path of the assembly.
        var program = Environment.ProcessPath!;
        string[] assembly = Path.GetFileNameWithoutExtension(program) == "dotnet" ? [typeof(Supervisor).Assembly.Location] : [];
        string[] target = Array.IndexOf(args, "--target") is >= 0 and var at ? ["--target", args[at + 1]] : [];
        ProcessStartInfo start = new(
            program,
            [
                .. assembly,
                "--child",
                "yes",
                "--seed",
                seed.ToString(CultureInfo.InvariantCulture),
                "--minutes",
                remaining.TotalMinutes.ToString(CultureInfo.InvariantCulture),
                "--folder",
                folder,
                .. target,
            ]
        )
        {
            RedirectStandardOutput = true,
        };
        start.Environment["DOTNET_GCHeapHardLimit"] = HeapLimit;
        start.Environment["DOTNET_DbgEnableMiniDump"] = "0";
        return Process.Start(start)!;
    }
}
