using System.Collections.Concurrent;
using CvManager.Resources;
using CvManager.Rollouts;
using CvManager.Watching;

namespace CvManager.Controller;

/// <summary>The options and callbacks of a <see cref="ReconcilePass"/>. Callbacks may be called concurrently.</summary>
public sealed record ReconcilePassOptions
{
    /// <summary>True to continue until every rollout has ended; false to do only what can be done now.</summary>
    public bool Wait { get; init; }

    /// <summary>Called with each plan before it is carried out; if it returns false, nothing is written. Null approves all.</summary>
    public Func<RolloutPlan, Task<bool>>? Approve { get; init; }

    /// <summary>Called with the final result of each resource.</summary>
    public required Func<ReconcileResult, Task> Ended { get; init; }

    /// <summary>Called with a resource that could not be reconciled; the others continue.</summary>
    public required Func<ContainerVersion, CvException, Task> Failed { get; init; }

    /// <summary>Called with the result of each step that is followed by another.</summary>
    public Func<ReconcileResult, Task>? Progressed { get; init; }
}

/// <summary>
/// One pass over resources, for a person or a pipeline: the same steps as the controller's, without a queue. Thread-safe.
/// </summary>
public sealed class ReconcilePass(Reconciler reconciler, TimeProvider time)
{
    /// <summary>The number of resources that are reconciled concurrently: each mostly waits for a registry or the cluster.</summary>
    private const int MaxParallelism = 8;

    /// <summary>How often a step that conflicts with another client's write is retried.</summary>
    private const int MaxConflicts = 10;

    private static readonly TimeSpan AfterConflict = TimeSpan.FromMilliseconds(100);

    /// <param name="ns">Null for all namespaces.</param>
    /// <param name="choose">Selects the resources to reconcile.</param>
    /// <param name="options">The options and callbacks.</param>
    /// <param name="cancellationToken">Stops between two requests; the next pass continues what was started.</param>
    /// <exception cref="CvException">The cluster could not be read.</exception>
    public async Task RunAsync(
        string? ns,
        Func<NamespaceSnapshot, Task<IReadOnlyList<ContainerVersion>>> choose,
        ReconcilePassOptions options,
        CancellationToken cancellationToken
    )
    {
        ArgumentNullException.ThrowIfNull(choose);
        ArgumentNullException.ThrowIfNull(options);
        var snapshot = await reconciler.ReadAsync(ns, cancellationToken);
        var entries = (await choose(snapshot)).ToDictionary(r => r.Key, r => new Entry(r));
        while (true)
        {
            ConcurrentBag<TimeSpan> waits = [];
            await Parallel.ForEachAsync(
                entries.Values.Where(e => !e.IsDone),
                new ParallelOptions { MaxDegreeOfParallelism = MaxParallelism, CancellationToken = cancellationToken },
                async (entry, token) =>
                {
                    if (await StepAsync(entry, snapshot, options, token) is { } wait)
                        waits.Add(wait);
                    else
                        entry.IsDone = true;
                }
            );
            if (waits.IsEmpty)
                return;
            if (waits.Min() is { Ticks: > 0 } least)
                await Task.Delay(least, time, cancellationToken);
            snapshot = await reconciler.ReadAsync(ns, cancellationToken);
        }
    }

    /// <summary>Returns the time until the next step; null if the resource is done.</summary>
    private async Task<TimeSpan?> StepAsync(
        Entry entry,
        NamespaceSnapshot snapshot,
        ReconcilePassOptions options,
        CancellationToken cancellationToken
    )
    {
        var resource = snapshot.Resources.FirstOrDefault(r => r.Key == entry.Resource.Key && r.Metadata.Uid == entry.Resource.Metadata.Uid);
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

            await options.Failed(
                entry.Resource,
                new CvException(
                    ErrorIds.ContainerVersionNotFound,
                    CvErrorKind.NotFound,
                    $"ContainerVersion {entry.Resource.Key} was deleted while it was being reconciled.",
                    "No action required if the deletion was intended; otherwise create it again."
                )
                {
                    Target = entry.Resource.Key,
                }
            );
            return null;
        }

        try
        {
            var result = await reconciler.ReconcileAsync(resource, snapshot.Around(resource), options.Approve, cancellationToken);
            entry.Resource = result.Resource;
            if (result.RequeueAfter is { } wait && (options.Wait || wait == TimeSpan.Zero))
            {
                if (options.Progressed is { } progressed)
                    await progressed(result);
                return wait;
            }

            await options.Ended(result);
            return null;
        }
        catch (CvException e) when (e.ErrorId == ErrorIds.ResourceConflict && entry.Conflicts < MaxConflicts)
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
