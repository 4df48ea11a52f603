using System.Collections.Concurrent;
using System.Globalization;
using CvManager.Cluster;
using CvManager.Following;
using CvManager.Leading;
using CvManager.Records;
using CvManager.Registries;
using CvManager.Resources;
using CvManager.Rollouts;
using CvManager.Scheduling;
using CvManager.Watching;
using CvManager.Workloads;
using Microsoft.Extensions.Logging;

namespace CvManager.Controller;

/// <summary>
/// The controller: watches ContainerVersions and workloads, polls their tags, and reconciles each resource until it is cancelled. It holds
/// no state that matters: it may be killed at any moment, and the next process continues (R10).
/// </summary>
/// <remarks>
/// <see cref="RunAsync(CancellationToken)"/> may be called once; all other members are thread-safe. Its long-running tasks are supervised: an exception is
/// logged, and the task is restarted (<see cref="Supervisor"/>).
/// </remarks>
public sealed partial class ContainerVersionController : IDisposable
{
    /// <summary>How long tasks may take to stop after the cancellation: well within a pod's termination grace period of 30 s.</summary>
    private static readonly TimeSpan EndLimit = TimeSpan.FromSeconds(12);

    /// <summary>The same for the tasks of a term: the lease is released before <see cref="EndLimit"/> is reached.</summary>
    private static readonly TimeSpan TermEndLimit = TimeSpan.FromSeconds(6);

    /// <summary>An election that attempts nothing for this long is stuck (<see cref="LeaderElection.SinceAttempt"/>).</summary>
    private static readonly TimeSpan ElectionLimit = TimeSpan.FromMinutes(2);

    /// <summary>A watch that is not started again for this long is stuck (<see cref="IReflector.SinceAttempt"/>).</summary>
    private static readonly TimeSpan WatchLimit = TimeSpan.FromMinutes(30);

    private readonly ClusterConnection _cluster;
    private readonly ControllerOptions _options;
    private readonly EngineEnvironment _environment;
    private readonly ILogger _logger;
    private readonly Func<ReconcileResult, CancellationToken, Task>? _output;
    private readonly ContainerVersionStore _resources;
    private readonly RegistryLogins _logins;
    private readonly ClusterView _view;
    private readonly SelectedKeys? _selected;
    private readonly RolloutClock _clock;
    private readonly Supervisor _supervisor;
    private readonly List<IReflector> _reflectors = [];
    private volatile Term? _term;
    private volatile LeaderElection? _election;
    private volatile bool _isSynced;
    private DateTimeOffset? _everythingReadAt;

    /// <param name="cluster">The cluster to watch and change.</param>
    /// <param name="registries">The registries with the process's own credentials; the caller disposes it.</param>
    /// <param name="options">The controller's scope.</param>
    /// <param name="environment">The clock, the log and the source of jitter.</param>
    /// <param name="output">Receives every result that changed something; called concurrently. May be null.</param>
    public ContainerVersionController(
        ClusterConnection cluster,
        RegistryCatalog registries,
        ControllerOptions options,
        EngineEnvironment environment,
        Func<ReconcileResult, CancellationToken, Task>? output = null
    )
    {
        ArgumentNullException.ThrowIfNull(options);
        _cluster = cluster;
        _options = options;
        _environment = environment;
        _logger = environment.Logger;
        _output = output;
        _resources = new ContainerVersionStore(cluster);
        _clock = new RolloutClock(environment.Time);
        _logins = new RegistryLogins(cluster, registries, environment);
        _view = new ClusterView(Wake);
        _selected = options.LabelSelector is null ? null : new SelectedKeys(Wake);
        _supervisor = new Supervisor(environment);
        foreach (var ns in options.Namespaces.Count == 0 ? [null] : options.Namespaces.Cast<string?>())
        {
            Watch(
                [ContainerVersionStore.Path(ns)],
                null,
                (json, _) => ContainerVersionStore.Read(json),
                _view.ForResources(ns),
                isRequired: true
            );
            if (_selected is not null)
                Watch(
                    [ContainerVersionStore.Path(ns)],
                    options.LabelSelector,
                    (json, _) => ContainerVersionStore.Read(json),
                    _selected.In(ns),
                    isRequired: true
                );
            foreach (var kind in WorkloadKind.All)
                Watch(
                    WorkloadStore.PathsOf(kind, ns),
                    ContainerVersion.SelectorKey,
                    (json, path) => kind.Read(json, path.Version),
                    _view.ForWorkloads(kind.Name, ns)
                );
        }

        void Watch<T>(
            IReadOnlyList<ResourcePath> paths,
            string? labelSelector,
            Func<System.Text.Json.Nodes.JsonObject, ResourcePath, T> read,
            IReflection<T> reflection,
            bool isRequired = false
        ) =>
            _reflectors.Add(
                new Reflector<T>(
                    cluster,
                    paths,
                    labelSelector,
                    read,
                    reflection,
                    environment,
                    new ReflectorOptions { IsRequired = isRequired }
                )
            );
    }

    /// <summary>What the watches reported; null before the initial sync. Also on a standby.</summary>
    public ClusterSnapshot? Snapshot => _isSynced ? _view.Snapshot : null;

    /// <summary>True once everything that is watched has been read, or is known not to be readable; also on a standby.</summary>
    public bool IsSynced => _isSynced;

    /// <summary>
    /// True while this process could do the work, as leader or as the standby that takes over: everything was read, every watch is
    /// current, and the Lease can be read and written.
    /// </summary>
    public bool IsReady => _isSynced && FindMissing().Count == 0;

    /// <summary>The names of what is missing until <see cref="IsReady"/> is true.</summary>
    public IReadOnlyList<string> FindMissing() =>
        [
            .. _reflectors.Where(reflector => !reflector.IsCurrent).Select(reflector => reflector.Name).Distinct(),
            .. _options.Election is { } election && _election is not { IsCurrent: true }
                ? [$"Lease {election.Namespace}/{election.Name}"]
                : Array.Empty<string>(),
        ];

    /// <summary>
    /// Why the process should be restarted; null for nothing. A task failed many times in a row by an unexpected exception, or it is stuck:
    /// it began nothing new for much longer than all of its time limits together. An API server or a registry that is down is neither. (A
    /// task that ends on its own ends <see cref="RunAsync(CancellationToken)"/>.)
    /// </summary>
    public string? FindFault() =>
        _supervisor.FindFailing() is { } failing ? $"the {failing} keeps failing"
        : _election?.SinceAttempt > ElectionLimit ? "the leader election is stuck"
        : _reflectors.Find(reflector => reflector.SinceAttempt > WatchLimit) is { } stuck ? $"the watch of {stuck.Name} is stuck"
        : null;

    /// <summary>The largest age of a watch: the time since the API server last sent anything on it.</summary>
    public TimeSpan WatchAge => _reflectors.Max(reflector => reflector.Age);

    /// <summary>How often a task was restarted after an unexpected failure.</summary>
    public long TaskRestarts => _supervisor.Restarts;

    /// <summary>The state at this moment.</summary>
    internal ControllerFigures Figures
    {
        get
        {
            var term = _term;
            return new ControllerFigures
            {
                Resources = [.. _view.Resources.Where(resource => IsOurs(resource.Key))],
                Workers = _options.Workers,
                ActiveWorkers = term?.Queue.Working ?? 0,
                QueueDepth = term?.Queue.Due ?? 0,
                Tags = term?.Poller.Polls ?? default,
                WatchAge = WatchAge,
                TaskRestarts = TaskRestarts,
                IsReady = IsReady,
                IsLeading = term is not null,
                LeaseName = _options.Election?.Name,
            };
        }
    }

    /// <summary>The number of resources with state outside the view; state of deleted resources is removed soon.</summary>
    internal int Remembered => _clock.Count + (_term?.Remembered ?? 0);

    /// <summary>True while this process is the leader.</summary>
    public bool IsLeading => _term is not null;

    /// <summary>
    /// Polls a tag early, because a notification says that it moved, or all followed tags of the repository if the tag is null. The digest
    /// is always read from the registry.
    /// </summary>
    /// <returns>The number of matching followed tags; 0 if this process is not the leader.</returns>
    public int PollNow(ImageRepository repository, string? tag)
    {
        ArgumentNullException.ThrowIfNull(repository);
        return _term?.Poller.PollNow(repository, tag) ?? 0;
    }

    /// <summary>
    /// Runs until the token is cancelled; then stops taking work, lets steps in progress reach a point from which they can be continued,
    /// and releases the lease. Tasks that do not stop in time are abandoned, and can no longer change anything.
    /// </summary>
    /// <exception cref="CvException"><c>ControllerTaskEnded</c>: a task ended unexpectedly. Restart the process.</exception>
    public Task RunAsync(CancellationToken cancellationToken) =>
        RunAsync(new Dictionary<string, Func<CancellationToken, Task>>(), cancellationToken);

    /// <summary>The same with further tasks of the process, which are supervised like those of the controller.</summary>
    /// <param name="companions">Those tasks by name. They run until their token is cancelled.</param>
    /// <param name="cancellationToken">Stops the controller.</param>
    /// <exception cref="CvException"><c>ControllerTaskEnded</c>: a task ended unexpectedly. Restart the process.</exception>
    public async Task RunAsync(IReadOnlyDictionary<string, Func<CancellationToken, Task>> companions, CancellationToken cancellationToken)
    {
        using var all = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Task[] tasks =
        [
            .. _reflectors.Select(reflector => _supervisor.RunAsync($"watch of {reflector.Name}", reflector.RunAsync, all.Token)),
            ElectAsync(all.Token),
            .. companions.Select(companion => _supervisor.RunAsync(companion.Key, companion.Value, all.Token)),
        ];
        await RunUntilFirstEndsAsync(tasks, all, EndLimit);
    }

    /// <summary>When one of the tasks ends, cancels all and waits for them, for a limited time.</summary>
    /// <exception cref="CvException">The exception of a failed task.</exception>
    private async Task RunUntilFirstEndsAsync(IReadOnlyList<Task> tasks, CancellationTokenSource all, TimeSpan longest)
    {
        if (!all.IsCancellationRequested)
            await Task.WhenAny(tasks);
        await all.CancelAsync();
        var ended = Task.WhenAll(tasks);
        using CancellationTokenSource limit = new();
        var pause = _environment.Time.PauseAsync(longest, limit.Token);
        if (await Task.WhenAny(ended, pause) == pause)
        {
            var left = tasks.Count(task => !task.IsCompleted);
            LogAbandoned(_logger, left, Counted.Noun(left, "task"), longest.TotalSeconds);
        }
        await limit.CancelAsync();
        foreach (var task in tasks.Where(task => task.IsCompleted))
            await task;
    }

    /// <summary>Waits for the initial sync, takes part in the election, and leads when elected.</summary>
    private async Task ElectAsync(CancellationToken cancellationToken)
    {
        try
        {
            // No decision before everything is known: an older ContainerVersion of the same container, a tag that another one follows.
            await Task.WhenAll(_reflectors.Select(reflector => reflector.Synced)).WaitAsync(cancellationToken);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            return;
        }

        string[] unread = [.. _reflectors.Where(reflector => !reflector.IsCurrent).Select(reflector => reflector.Name).Distinct()];
        var count = _view.Resources.Count;
        var noun = Counted.Noun(count, "ContainerVersion");
        if (unread.Length == 0)
        {
            _everythingReadAt = _environment.Time.GetUtcNow();
            LogSynced(_logger, count, noun);
        }
        else
            LogPartlySynced(_logger, string.Join(", ", unread), count, noun);
        _isSynced = true;
        if (_options.Election is not { } election)
        {
            await _supervisor.RunAsync("controller loop", token => LeadAsync(null, token), cancellationToken);
            return;
        }

        LeaderElectionOptions options = new()
        {
            Namespace = election.Namespace,
            Name = election.Name,
            Identity = election.Identity,
            Annotations = Describe,
        };
        LeaderElection elector = new(_cluster, options, _environment);
        _election = elector;
        await _supervisor.RunAsync("leader election", token => elector.RunAsync(LeadAsync, token), cancellationToken);
    }

    /// <summary>The annotations of the Lease while this process holds it.</summary>
    private Dictionary<string, string?> Describe()
    {
        if (_everythingReadAt is null && _reflectors.TrueForAll(reflector => reflector.IsCurrent))
            _everythingReadAt = _environment.Time.GetUtcNow();
        return new()
        {
            [LeaseAnnotations.Version] = ProductVersion.Text,
            [LeaseAnnotations.SyncedAt] = _everythingReadAt?.UtcDateTime.ToString(
                LeaseAnnotations.TimeFormat,
                CultureInfo.InvariantCulture
            ),
            [LeaseAnnotations.Scope] =
                _options.Namespaces.Count == 0 ? LeaseAnnotations.AllNamespaces : string.Join(',', _options.Namespaces),
        };
    }

    public void Dispose() => _logins.Dispose();

    /// <summary>Reconciles all resources until the token is cancelled.</summary>
    /// <param name="leadership">The leader's term; null without an election.</param>
    private async Task LeadAsync(Leadership? leadership, CancellationToken cancellationToken)
    {
        using Term term = new(this, leadership);
        _term = term;
        try
        {
            foreach (var resource in _view.Resources)
                Wake(resource.Key);
            foreach (var gone in _view.PendingDeletions)
                Wake(gone);
            await term.RunAsync(cancellationToken);
        }
        finally
        {
            _term = null;
        }
    }

    private void Wake(string key)
    {
        if (_term is { } term)
            term.Queue.Enqueue(key);
        else if (_view.Find(key) is null)
            _clock.Forget(key);
    }

    /// <summary>
    /// The API server returned an older resource version than before: the cluster was restored from a backup, and the watches may wait for
    /// versions that never come.
    /// </summary>
    private void RelistAll(ContainerVersion resource, string? version)
    {
        if (_reflectors.Exists(reflector => reflector.IsRelisting))
            return;
        LogRestored(_logger, resource.Key, resource.Metadata.ResourceVersion, version);
        foreach (var reflector in _reflectors)
            reflector.Relist();
    }

    private bool IsOurs(string key) => _selected?.Contains(key) ?? true;

    [LoggerMessage(
        EventId = LogEvents.InitialSyncComplete,
        EventName = nameof(LogEvents.InitialSyncComplete),
        Level = LogLevel.Information,
        Message = "Initial sync complete: {Count} {Noun}"
    )]
    private static partial void LogSynced(ILogger logger, int count, string noun);

    [LoggerMessage(
        EventId = LogEvents.ResourceFailed,
        EventName = nameof(LogEvents.ResourceFailed),
        Level = LogLevel.Error,
        Message = "{Resource} ({ErrorId}): {Reason} {Remedy}"
    )]
    private static partial void LogFailed(ILogger logger, string resource, string errorId, string reason, string remedy);

    [LoggerMessage(
        EventId = LogEvents.ResourceRecovered,
        EventName = nameof(LogEvents.ResourceRecovered),
        Level = LogLevel.Information,
        Message = "{Resource}: recovered; reconciling again"
    )]
    private static partial void LogRecovered(ILogger logger, string resource);

    [LoggerMessage(
        EventId = LogEvents.InitialSyncIncomplete,
        EventName = nameof(LogEvents.InitialSyncIncomplete),
        Level = LogLevel.Warning,
        Message = "Initial sync incomplete: {Unread} could not be read; {Count} {Noun} could. "
            + "The controller is not ready until everything can be read."
    )]
    private static partial void LogPartlySynced(ILogger logger, string unread, int count, string noun);

    [LoggerMessage(
        EventId = LogEvents.ClusterRestored,
        EventName = nameof(LogEvents.ClusterRestored),
        Level = LogLevel.Warning,
        Message = "{Resource}: the resource version decreased from {Former} to {Version} because the cluster was restored from a backup. "
            + "Everything is read again. No action required."
    )]
    private static partial void LogRestored(ILogger logger, string resource, string? former, string? version);

    [LoggerMessage(
        EventId = LogEvents.RepeatedConflicts,
        EventName = nameof(LogEvents.RepeatedConflicts),
        Level = LogLevel.Warning,
        Message = "{Resource}: updates fail with a conflict, {Count} in a row ({ErrorId}); retrying less often: {Reason} {Remedy}"
    )]
    private static partial void LogConflicts(ILogger logger, string resource, int count, string errorId, string reason, string remedy);

    [LoggerMessage(
        EventId = LogEvents.TasksAbandoned,
        EventName = nameof(LogEvents.TasksAbandoned),
        Level = LogLevel.Warning,
        Message = "{Count} {Noun} did not stop within {Seconds} s, and can no longer change anything"
    )]
    private static partial void LogAbandoned(ILogger logger, int count, string noun, double seconds);

    /// <summary>The work of one term as leader: the queue, the tag poller and the reconciler.</summary>
    private sealed class Term : IDisposable
    {
        /// <summary>The number of consecutive conflicts that is logged.</summary>
        private const int ReportedConflicts = 5;

        private readonly ContainerVersionController _owner;
        private readonly FollowedVersions _versions;
        private readonly Reconciler _reconciler;
        private readonly ReportOnce<(string ErrorId, string? Target)> _logged = new();
        private readonly ConcurrentDictionary<string, int> _conflicts = new(StringComparer.Ordinal);

        public Term(ContainerVersionController owner, Leadership? leadership)
        {
            _owner = owner;
            var cluster = leadership is null ? owner._cluster : owner._cluster.GuardedBy(leadership.ThrowIfLost);
            var environment = owner._environment;
            Queue = new WorkQueue(environment, name: EngineMetrics.ControllerName);
            Poller = new TagPoller(new RegistryTagLookup(owner._logins, environment.Time), Queue.Enqueue, environment);
            _versions = new FollowedVersions(Poller, owner._logins, Queue.Enqueue, Queue.EnqueueAfter, environment);
            _reconciler = new Reconciler(cluster, _versions, environment, owner._view.Update, owner._clock);
        }

        public WorkQueue Queue { get; }

        public TagPoller Poller { get; }

        /// <summary>The number of resources with state in this term.</summary>
        public int Remembered => _logged.Count + _conflicts.Count;

        public async Task RunAsync(CancellationToken cancellationToken)
        {
            using var all = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            var supervisor = _owner._supervisor;
            Task[] tasks =
            [
                supervisor.RunAsync("tag poller", Poller.RunAsync, all.Token),
                .. Enumerable
                    .Range(0, _owner._options.Workers)
                    .Select(_ =>
                        supervisor.RunAsync("worker", token => Workers.RunAsync(Queue, 1, MeasureAsync, _owner._logger, token), all.Token)
                    ),
            ];
            try
            {
                await _owner.RunUntilFirstEndsAsync(tasks, all, TermEndLimit);
            }
            finally
            {
                await _owner.RunUntilFirstEndsAsync([_versions.StopAsync()], all, TermEndLimit / 4);
            }
        }

        public void Dispose()
        {
            Poller.Dispose();
            Queue.Dispose();
        }

        private async Task<WorkResult> MeasureAsync(string key, CancellationToken cancellationToken)
        {
            var environment = _owner._environment;
            if (environment.Metrics is not { } metrics)
                return await WorkAsync(key, cancellationToken);
            var started = environment.Time.GetTimestamp();
            var result = WorkResult.Failed;
            try
            {
                return result = await WorkAsync(key, cancellationToken);
            }
            finally
            {
                if (!cancellationToken.IsCancellationRequested)
                    metrics.Reconciled(Describe(result), environment.Time.GetElapsedTime(started));
            }
        }

        /// <summary>The result as controller-runtime names it.</summary>
        private static string Describe(WorkResult result) =>
            result.IsFailure ? "error"
            : result.RequeueDelay is not { } delay ? "success"
            : delay == TimeSpan.Zero ? "requeue"
            : "requeue_after";

        private async Task<WorkResult> WorkAsync(string key, CancellationToken cancellationToken)
        {
            if (_owner._view.FindPendingDeletion(key) is { } gone && !await EndAsync(gone, cancellationToken))
                return WorkResult.Failed;
            if (_owner._view.Find(key) is not { } resource || !_owner.IsOurs(key))
            {
                _versions.Forget(key);
                _owner._clock.Forget(key);
                _logged.Forget(key);
                _conflicts.TryRemove(key, out _);
                return WorkResult.Done;
            }

            // The resource is being deleted; its workloads stay unchanged.
            if (resource.Metadata.DeletionTimestamp is not null)
                return WorkResult.Done;
            try
            {
                var result = await _reconciler.ReconcileAsync(resource, _owner._view.Around(resource), null, cancellationToken);
                _owner._view.Update(result.Resource);
                var conflicted = _conflicts.TryRemove(key, out var conflicts) && conflicts >= ReportedConflicts;
                if (_logged.Forget(key) || conflicted)
                    LogRecovered(_owner._logger, key);
                if ((result.Finished is not null || !IsSameReport(resource.Status, result.Resource.Status)) && _owner._output is { } output)
                    await output(result, cancellationToken);
                return ToWorkResult(result);
            }
            catch (CvException e) when (e.ErrorId == ErrorIds.ResourceConflict)
            {
                var conflicts = _conflicts.AddOrUpdate(key, 1, (_, before) => before + 1);
                if (conflicts == ReportedConflicts)
                    LogConflicts(_owner._logger, key, conflicts, e.ErrorId, e.Message, e.Remedy);
                var result = await RereadAsync(resource, cancellationToken);
                // Retry at once after one conflict; back off if the conflict repeats.
                return conflicts == 1 || !result.IsRequeued ? result : WorkResult.Failed;
            }
            catch (CvException e)
            {
                LogOnce(key, e);
                // The resource itself may have been deleted before the watch reported it.
                if (e.Kind == CvErrorKind.NotFound)
                    await RereadAsync(resource, cancellationToken);
                return WorkResult.Failed;
            }
        }

        /// <summary>R8: writes the final records of a deleted resource. Nothing can be written if its namespace is gone.</summary>
        /// <returns>False if it has to be retried.</returns>
        private async Task<bool> EndAsync(ContainerVersion gone, CancellationToken cancellationToken)
        {
            try
            {
                await _reconciler.EndAsync(gone, cancellationToken);
            }
            catch (CvException e)
            {
                LogOnce(gone.Key, e);
                if (e.Kind != CvErrorKind.NotFound)
                    return false;
            }

            _owner._view.Settle(gone);
            return true;
        }

        private static WorkResult ToWorkResult(ReconcileResult result)
        {
            if (result.RequeueAfter is { } again)
                return WorkResult.RequeueAfter(again);
            if (RolloutRecords.HasUnwrittenRecords(result.Resource))
                return WorkResult.Failed;
            if (result.Problem is not { } problem)
                return WorkResult.Done;
            // The poller wakes the resource when a tag moves. It does not notice a version that is pushed after its tag, or a corrected
            // login.
            return problem.IsTransient
                ? WorkResult.Failed
                : WorkResult.RequeueAfter(TimeSpan.FromSeconds(result.Resource.Spec.PollIntervalSeconds));
        }

        /// <summary>True if nothing changed that is worth reporting (only a time or a count).</summary>
        private static bool IsSameReport(ContainerVersionStatus? before, ContainerVersionStatus? after) =>
            before?.Rollout?.Id == after?.Rollout?.Id
            && before?.Rollout?.Phase == after?.Rollout?.Phase
            && (before?.Conditions ?? []).Select(Describe).SequenceEqual((after?.Conditions ?? []).Select(Describe));

        private static (string Type, string Status, string Reason, string Message) Describe(Condition condition) =>
            (condition.Type, condition.Status, condition.Reason, condition.Message);

        /// <summary>Reads a resource that another client changed before the watch reported it.</summary>
        private async Task<WorkResult> RereadAsync(ContainerVersion resource, CancellationToken cancellationToken)
        {
            try
            {
                var now = await _owner._resources.GetAsync(resource.Metadata.Namespace!, resource.Metadata.Name, cancellationToken);
                // Read later, but with an older version.
                if (
                    now.Metadata.Uid == resource.Metadata.Uid
                    && ClusterView.IsNewer(resource.Metadata.ResourceVersion, now.Metadata.ResourceVersion)
                )
                    _owner.RelistAll(resource, now.Metadata.ResourceVersion);
                else
                    _owner._view.Set(now);
                return WorkResult.RequeueAfter(TimeSpan.Zero);
            }
            catch (CvException e) when (e.Kind == CvErrorKind.NotFound)
            {
                _owner._view.Remove(resource.Key);
                return WorkResult.Done;
            }
            catch (CvException e)
            {
                LogOnce(resource.Key, e);
                return WorkResult.Failed;
            }
        }

        /// <summary>Logs an error once, however often it is retried.</summary>
        private void LogOnce(string key, CvException error)
        {
            if (_logged.IsNew(key, (error.ErrorId, error.Target)))
                LogFailed(_owner._logger, key, error.ErrorId, error.Message, error.Remedy);
        }
    }

    /// <summary>The keys of the resources that match the label selector.</summary>
    private sealed class SelectedKeys(Action<string> wake)
    {
        private readonly object _gate = new();
        private readonly HashSet<string> _keys = new(StringComparer.Ordinal);

        public bool Contains(string key)
        {
            lock (_gate)
                return _keys.Contains(key);
        }

        public IReflection<ContainerVersion> In(string? ns) => new Reflection(this, ns);

        private void Change(string key, bool selected)
        {
            bool changed;
            lock (_gate)
                changed = selected ? _keys.Add(key) : _keys.Remove(key);
            if (changed)
                wake(key);
        }

        private sealed class Reflection(SelectedKeys owner, string? ns) : IReflection<ContainerVersion>
        {
            public void Replace(IReadOnlyList<ContainerVersion> all)
            {
                HashSet<string> left = new(all.Select(resource => resource.Key), StringComparer.Ordinal);
                List<string> gone;
                lock (owner._gate)
                    gone =
                    [
                        .. owner._keys.Where(key =>
                            !left.Contains(key) && (ns is null || key.StartsWith(ns + "/", StringComparison.Ordinal))
                        ),
                    ];
                foreach (var key in gone)
                    owner.Change(key, false);
                foreach (var key in left)
                    owner.Change(key, true);
            }

            public void Set(ContainerVersion item) => owner.Change(item.Key, true);

            public void Remove(ContainerVersion item) => owner.Change(item.Key, false);

            public void Skip(string key) => owner.Change(key, false);

            public void Blocked(CvException? why)
            {
                // Keep the known selection.
            }
        }
    }
}
