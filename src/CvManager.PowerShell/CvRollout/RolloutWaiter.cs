using System.Collections.Concurrent;
using CvManager.Cluster;
using CvManager.Controller;
using CvManager.Rollouts;
using Resource = CvManager.Resources.ContainerVersion;

namespace CvManager.PowerShell;

/// <summary>
/// Waits for rollouts of several ContainerVersions at the same time, shows their states, and warns if no controller is at work. One instance
/// per cmdlet.
/// </summary>
/// <param name="cluster">The cluster of the resources.</param>
/// <param name="time">The clock.</param>
/// <param name="output">Shows the states.</param>
/// <param name="warn">Writes a warning.</param>
internal sealed class RolloutWaiter(ClusterConnection cluster, TimeProvider time, WaitOutput output, Action<string> warn)
{
    /// <summary>When the Leases are read for the first time, and for the second time: within 15 seconds there is a warning.</summary>
    private static readonly TimeSpan FirstRead = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan SecondRead = TimeSpan.FromSeconds(10);

    /// <summary>How often they are read afterwards.</summary>
    private static readonly TimeSpan NextReads = TimeSpan.FromMinutes(1);

    /// <summary>The time limit of a read.</summary>
    private static readonly TimeSpan ReadLimit = TimeSpan.FromSeconds(2);

    /// <summary>How long a resource has to be unchanged before a warning about it.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    /// <summary>The maximum number of resources that a warning names.</summary>
    private const int MaxNamed = 5;

    private readonly ConcurrentDictionary<string, Unfinished> _unfinished = new(StringComparer.Ordinal);

    /// <param name="items">The resources, and the version to wait for; null for the one that the resource should have.</param>
    /// <param name="limit">The time limit; null for the default of each resource. The caller enforces one that is specified.</param>
    /// <param name="done">Called for each resource that is on its version.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="CvException">See <see cref="RolloutWait.UntilDoneAsync"/>; the first error ends the wait for all.</exception>
    public async Task WaitAsync(
        IReadOnlyList<(Resource Resource, string? Version)> items,
        TimeSpan? limit,
        Func<Resource, Task> done,
        CancellationToken cancellationToken
    )
    {
        if (items.Count == 0)
            return;
        using var others = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        foreach (var (resource, version) in items)
            See(new RolloutState { Resource = resource, Version = version });
        var watch = WatchControllerAsync([.. items.Select(item => item.Resource.Metadata.Namespace!)], others.Token);
        List<Task> waits = [.. items.Select(item => WaitAsync(item.Resource, item.Version, limit, done, others.Token))];
        try
        {
            while (waits.Count > 0)
            {
                var ended = await Task.WhenAny(waits);
                waits.Remove(ended);
                await ended;
            }
        }
        finally
        {
            await others.CancelAsync();
            await Task.WhenAll([.. waits, watch]).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>
    /// The error if wildcards, a label selector or the pipeline selected nothing. Elsewhere that is no error; but a step of a pipeline must not
    /// take it for a rollout that succeeded.
    /// </summary>
    /// <param name="cmdlet">The name of the cmdlet.</param>
    public static CvException NothingToWaitFor(string cmdlet) =>
        new(
            CmdletErrorIds.NothingToWaitFor,
            CvErrorKind.NotFound,
            $"No ContainerVersion was selected, so {cmdlet} has nothing to wait for.",
            "Check the names, the namespace and the label selector; Get-ContainerVersion with the same ones shows what they select."
        );

    /// <summary>The title for the lines of a wait.</summary>
    public static string Title(IReadOnlyList<Resource> resources) =>
        $"Wait for {string.Join(", ", resources.Take(MaxNamed).Select(resource => resource.Key))}"
        + (resources.Count > MaxNamed ? $" and {resources.Count - MaxNamed} more" : "");

    /// <summary>The error if the cmdlet has to end before all are done; null if nothing was waited for.</summary>
    public CvException? TimedOut(TimeSpan limit) =>
        _unfinished.Values.OrderBy(item => item.State.Resource.Key, StringComparer.Ordinal).Select(item => item.State).ToList()
            is { Count: > 0 } states
            ? RolloutState.TimedOut(states, limit, isDefault: false, time.GetUtcNow())
            : null;

    private async Task WaitAsync(
        Resource resource,
        string? version,
        TimeSpan? limit,
        Func<Resource, Task> done,
        CancellationToken cancellationToken
    )
    {
        try
        {
            var ended = await new RolloutWait(cluster, time).UntilDoneAsync(
                resource,
                version,
                state =>
                {
                    See(state);
                    output.Show(state);
                },
                limit is null ? null : Timeout.InfiniteTimeSpan,
                cancellationToken
            );
            _unfinished.TryRemove(resource.Key, out _);
            await done(ended);
        }
        finally
        {
            output.Complete(resource.Key);
        }
    }

    private void See(RolloutState state) =>
        _unfinished.AddOrUpdate(
            state.Resource.Key,
            _ => new Unfinished(state, time.GetTimestamp()),
            (_, before) =>
                before.State.Resource.Metadata.ResourceVersion == state.Resource.Metadata.ResourceVersion
                    ? before with
                    {
                        State = state,
                    }
                    : new Unfinished(state, time.GetTimestamp())
        );

    private async Task WatchControllerAsync(IReadOnlyList<string> namespaces, CancellationToken cancellationToken)
    {
        HashSet<(string Key, long? Generation)> warned = [];
        string[] named = [.. namespaces.Distinct(StringComparer.Ordinal).Take(MaxNamed)];
        var startedAt = time.GetTimestamp();
        await Task.Delay(FirstRead, time, cancellationToken);
        var before = await ReadLeasesAsync(named, cancellationToken);
        var readAt = time.GetTimestamp();
        var wait = SecondRead;
        while (true)
        {
            await Task.Delay(wait, time, cancellationToken);
            var after = await ReadLeasesAsync(named, cancellationToken);
            var absence = ControllerLease.DescribeAbsence(before, after, time.GetElapsedTime(readAt));
            List<Unfinished> silent =
            [
                .. _unfinished.Values.Where(item =>
                    item.State.Problem is null
                    && time.GetElapsedTime(item.Since) >= Patience
                    && (!item.State.IsReconciled || absence is not null)
                ),
            ];
            silent = [.. silent.Where(item => warned.Add((item.State.Resource.Key, item.State.Resource.Metadata.Generation)))];
            if (Describe([.. silent.Select(item => item.State)], absence, time.GetElapsedTime(startedAt)) is { } warning)
                warn(warning);
            (before, readAt, wait) = (after, time.GetTimestamp(), NextReads);
        }
    }

    /// <summary>A warning that says only what was seen; null for none. Pure.</summary>
    /// <param name="silent">The resources that nothing has changed.</param>
    /// <param name="absence">See <see cref="ControllerLease.DescribeAbsence"/>.</param>
    /// <param name="waited">How long they are waited for.</param>
    internal static string? Describe(IReadOnlyList<RolloutState> silent, string? absence, TimeSpan waited)
    {
        if (silent.Count == 0)
            return null;
        var seconds = (int)waited.TotalSeconds;
        List<string> sentences = [];
        if (silent.Where(state => !state.IsReconciled).ToList() is { Count: > 0 } unseen)
        {
            sentences.Add($"{DescribeUnreconciled(unseen)} ({seconds} s of waiting).");
        }
        else
        {
            sentences.Add($"The status of {Names(silent)} has not changed in {seconds} s of waiting.");
        }

        if (absence is not null)
            sentences.Add(absence);
        sentences.Add("The wait continues. Start the controller (Start-CvReconcile -Watch), or run Start-CvReconcile in another session.");
        return string.Join(" ", sentences);
    }

    /// <summary>A statement without a period: no controller has reconciled these.</summary>
    public static string DescribeUnreconciled(IReadOnlyCollection<RolloutState> states) =>
        $"No controller has reconciled {Names(states)} since {(states.Count == 1 ? "it was" : "they were")} "
        + (states.All(state => state.Resource.Status is null) ? "created" : "changed");

    private static string Names(IReadOnlyCollection<RolloutState> states) =>
        string.Join(", ", states.Select(state => state.Resource.Key).Order(StringComparer.Ordinal).Take(MaxNamed))
        + (states.Count > MaxNamed ? $" and {states.Count - MaxNamed} more" : "");

    private async Task<IReadOnlyList<ControllerLease>?> ReadLeasesAsync(
        IReadOnlyList<string> namespaces,
        CancellationToken cancellationToken
    )
    {
        using CancellationTokenSource limit = new(ReadLimit, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        try
        {
            return await new ControllerLeases(cluster).FindAsync(namespaces, either.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return null;
        }
    }

    /// <param name="State">The last state.</param>
    /// <param name="Since">The timestamp since which the resource has not changed.</param>
    private sealed record Unfinished(RolloutState State, long Since);
}
