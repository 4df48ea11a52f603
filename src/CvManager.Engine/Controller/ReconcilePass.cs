using System.Collections.Concurrent;
using CvManager.Resources;
using CvManager.Rollouts;
using CvManager.Watching;

namespace CvManager.Controller;

/// <summary>What a <see cref="ReconcilePass"/> is to do, and who hears of it. All of them may be called side by side.</summary>
public sealed record ReconcilePassOptions
{
    /// <summary>Goes on until each rollout has come to its end; without it, each resource gets what can be done now.</summary>
    public bool Wait { get; init; }

    /// <summary>Sees each plan before it is carried out; where it says no, nothing is written. Null approves all.</summary>
    public Func<RolloutPlan, Task<bool>>? Approve { get; init; }

    /// <summary>Gets every resource's last result.</summary>
    public required Func<ReconcileResult, Task> Ended { get; init; }

    /// <summary>Gets a resource that could not be worked on; the others go on.</summary>
    public required Func<ContainerVersion, CvException, Task> Failed { get; init; }

    /// <summary>Gets the results of steps that another one follows.</summary>
    public Func<ReconcileResult, Task>? Progressed { get; init; }
}

/// <summary>One pass over resources, by a person or a pipeline: the same steps as the controller's, without a queue. Thread-safe.</summary>
public sealed class ReconcilePass(Reconciler reconciler, TimeProvider time)
{
    /// <summary>Resources that are worked on side by side: each waits for a registry and a cluster, not for a processor.</summary>
    private const int SideBySide = 8;

    /// <summary>How often a step that somebody else's write came between is tried again.</summary>
    private const int MostConflicts = 10;

    private static readonly TimeSpan AfterConflict = TimeSpan.FromMilliseconds(100);

    /// <param name="ns">Null for all namespaces.</param>
    /// <param name="choose">The resources of the namespace that are meant.</param>
    /// <param name="options">What to do.</param>
    /// <param name="cancellationToken">Stops between two requests; what was begun is gone on with by the next pass.</param>
    /// <exception cref="CvException">The cluster could not be asked.</exception>
    public async Task RunAsync(string? ns, Func<NamespaceSnapshot, Task<IReadOnlyList<ContainerVersion>>> choose, ReconcilePassOptions options,
        CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(choose);
        ArgumentNullException.ThrowIfNull(options);
        NamespaceSnapshot snapshot = await reconciler.ReadAsync(ns, cancellationToken);
        Dictionary<string, Entry> entries = (await choose(snapshot)).ToDictionary(r => r.Key, r => new Entry(r));
        while (true)
        {
            ConcurrentBag<TimeSpan> waits = [];
            await Parallel.ForEachAsync(entries.Values.Where(e => !e.IsDone),
                new ParallelOptions { MaxDegreeOfParallelism = SideBySide, CancellationToken = cancellationToken },
                async (entry, token) =>
                {
                    if (await StepAsync(entry, snapshot, options, token) is { } wait)
                        waits.Add(wait);
                    else
                        entry.IsDone = true;
                });
            if (waits.IsEmpty)
                return;
            if (waits.Min() is { Ticks: > 0 } least)
                await Task.Delay(least, time, cancellationToken);
            snapshot = await reconciler.ReadAsync(ns, cancellationToken);
        }
    }

    /// <summary>Null when the resource's turn is over; otherwise when to come again.</summary>
    private async Task<TimeSpan?> StepAsync(Entry entry, NamespaceSnapshot snapshot, ReconcilePassOptions options, CancellationToken cancellationToken)
    {
        ContainerVersion? resource = snapshot.Resources.FirstOrDefault(r => r.Key == entry.Resource.Key && r.Metadata.Uid == entry.Resource.Metadata.Uid);
        if (resource is null)
        {
            try
            {
                await reconciler.EndAsync(entry.Resource, cancellationToken);
            }
            catch (CvException e)
            {
                await options.Failed(entry.Resource, e);
                return null;
            }

            await options.Failed(entry.Resource, new CvException(ErrorIds.ContainerVersionNotFound, CvErrorKind.NotFound,
                $"ContainerVersion {entry.Resource.Key} was deleted while it was being reconciled.",
                "No action required if the deletion was intended; otherwise create it again.") { Target = entry.Resource.Key });
            return null;
        }

        try
        {
            ReconcileResult result = await reconciler.ReconcileAsync(resource, snapshot.Around(resource), options.Approve, cancellationToken);
            entry.Resource = result.Resource;
            if (result.ComeAgain is { } wait && (options.Wait || wait == TimeSpan.Zero))
            {
                if (options.Progressed is { } progressed)
                    await progressed(result);
                return wait;
            }

            await options.Ended(result);
            return null;
        }
        catch (CvException e) when (e.ErrorId == ErrorIds.ResourceConflict && entry.Conflicts < MostConflicts)
        {
            entry.Conflicts++;
            return AfterConflict;
        }
        catch (CvException e)
        {
            await options.Failed(resource, e);
            return null;
        }
    }

    private sealed class Entry(ContainerVersion resource)
    {
        /// <summary>As it was last seen.</summary>
        public ContainerVersion Resource { get; set; } = resource;

        public int Conflicts { get; set; }

        public bool IsDone { get; set; }
    }
}
