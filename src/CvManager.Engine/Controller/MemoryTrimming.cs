using CvManager.Scheduling;

namespace CvManager.Controller;

/// <summary>Returns memory to the operating system that the garbage collector keeps for the next peak.</summary>
/// <remarks>
/// The initial sync, and moving many tags at once, need several times the memory of the steady state. Without this, the process would keep most of it
/// for as long as it runs. A collection of 10,000 ContainerVersions takes about 0.1 s.
/// </remarks>
public static class MemoryTrimming
{
    /// <summary>By then, the initial sync and the first reconciliation are complete on most clusters.</summary>
    internal static readonly TimeSpan First = TimeSpan.FromMinutes(1);

    internal static readonly TimeSpan Interval = TimeSpan.FromMinutes(10);

    /// <summary>Collects until the token is cancelled.</summary>
    public static Task RunAsync(TimeProvider time, CancellationToken cancellationToken) =>
        RunAsync(
            time,
            () => GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true),
            cancellationToken
        );

    internal static async Task RunAsync(TimeProvider time, Action collect, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(time);
        for (var wait = First; await time.PauseAsync(wait, cancellationToken); wait = Interval)
            collect();
    }
}
