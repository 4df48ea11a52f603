using System.Collections.Concurrent;
using CvManager.Support;

namespace CvManager.Pester;

/// <summary>Runs files of Pester tests, as many at a time as there are processors.</summary>
internal static class PesterFile
{
    public const string Suffix = ".Tests.ps1";

    /// <summary>The time limit of a file, far above the usual duration. A file that exceeds it fails.</summary>
    public static readonly TimeSpan Limit = TimeSpan.FromMinutes(5);

    private static readonly SemaphoreSlim Slots = new(Environment.ProcessorCount);

    /// <summary>Processes that wait for their next file. They exit together with this process, which closes their pipes.</summary>
    private static readonly ConcurrentBag<PesterProcess> Idle = [];

    public static string Folder { get; } = Path.Combine(RepositoryRoot.Path, "tests", "Pester");

    /// <summary>Returns the outcome of each test. If no test ran, it contains a failure.</summary>
    public static async Task<IReadOnlyList<PesterOutcome>> RunAsync(string path, TimeSpan limit, CancellationToken cancellationToken)
    {
        await Slots.WaitAsync(cancellationToken);
        try
        {
            if (!Idle.TryTake(out var process))
                process = new PesterProcess();
            return await RunAsync(process, path, limit, cancellationToken);
        }
        finally
        {
            Slots.Release();
        }
    }

    private static async Task<IReadOnlyList<PesterOutcome>> RunAsync(
        PesterProcess process,
        string path,
        TimeSpan limit,
        CancellationToken cancellationToken
    )
    {
        var name = Path.GetFileName(path);
        using var time = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        time.CancelAfter(limit);
        var reusable = false;
        try
        {
            if (await process.RunAsync(path, time.Token) is not { } outcomes)
                return [Failure($"{name} ended its process without a result")];
            reusable = true;
            return outcomes.Any(outcome => outcome.Ran) ? outcomes : [.. outcomes, Failure($"{name} ran no test")];
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return [Failure($"{name} did not complete within {limit.TotalSeconds:0} s")];
        }
        finally
        {
            if (reusable)
                Idle.Add(process);
            else
                process.Dispose();
        }

        PesterOutcome Failure(string what) => new(name, "Failed", $"{what}. End of the output:\n{process.Output}");
    }
}
