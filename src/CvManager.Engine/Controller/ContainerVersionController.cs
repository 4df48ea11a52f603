using System.Collections.Concurrent;
using CvManager.Cluster;
using CvManager.Records;
using CvManager.Registries;
using CvManager.Resources;
using CvManager.Rollouts;
using CvManager.Workloads;
using Microsoft.Extensions.Logging;

namespace CvManager.Controller;

/// <summary>
/// The whole loop: watches ContainerVersions and workloads, follows their tags, and brings each resource to what it asks for, for as long
/// as it is let. It keeps nothing that matters: it may be killed at any moment, and the next one goes on (R10).
/// </summary>
/// <remarks>Runs once. Thread-safe for <see cref="LookNow"/> and <see cref="IsSynced"/>.</remarks>
public sealed partial class ContainerVersionController : IDisposable
{
    private readonly ClusterConnection _cluster;
    private readonly ControllerOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly Func<ReconcileResult, CancellationToken, Task>? _output;
    private readonly ContainerVersionStore _resources;
    private readonly RegistryLogins _logins;
    private readonly Random _random;
    private readonly ClusterView _view;
    private readonly SelectedKeys? _selected;
    private readonly RolloutClock _clock;
    private volatile Term? _term;

    /// <param name="cluster">What is watched and changed.</param>
    /// <param name="registries">With the process's own credentials. It stays the caller's.</param>
    /// <param name="options">What it is responsible for.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">Gets what happens.</param>
    /// <param name="output">Gets every look that led to something; called concurrently. Null for nobody.</param>
    public ContainerVersionController(ClusterConnection cluster, RegistryCatalog registries, ControllerOptions options, TimeProvider time,
        ILogger logger, Func<ReconcileResult, CancellationToken, Task>? output = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        _cluster = cluster;
        _options = options;
        _time = time;
        _logger = logger;
        _output = output;
        _random = options.Random ?? Random.Shared;
        _resources = new ContainerVersionStore(cluster);
        _clock = new RolloutClock(time);
        _logins = new RegistryLogins(cluster, registries, time, logger);
        _view = new ClusterView(Wake);
        _selected = options.LabelSelector is null ? null : new SelectedKeys(Wake);
    }

    /// <summary>True once everything that is watched has been read; a standby is, too.</summary>
    public bool IsSynced { get; private set; }

    /// <summary>True while this process is the one that works.</summary>
    public bool IsLeading => _term is not null;

    /// <summary>
    /// Looks at a tag early, because somebody says that it moved; at all followed tags of the repository where the tag is null. What it
    /// stands for, the registry alone says.
    /// </summary>
    /// <returns>How many followed tags were meant; 0 where this process does not lead.</returns>
    public int LookNow(ImageRepository repository, string? tag)
    {
        ArgumentNullException.ThrowIfNull(repository);
        return _term?.Poller.LookNow(repository.Registry, repository.Path, tag) ?? 0;
    }

    /// <summary>
    /// Works until the token is cancelled; then takes no more work, lets what is begun come to a place where it can be gone on with,
    /// and releases the lease.
    /// </summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        using CancellationTokenSource watching = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        List<Task> reflectors = [];
        List<Task> synced = [];
        foreach (string? space in _options.Namespaces.Count == 0 ? [null] : _options.Namespaces.Cast<string?>())
        {
            Start([ContainerVersionStore.Path(space)], null, (json, _) => ContainerVersionStore.Read(json), _view.ForResources(space));
            if (_selected is not null)
                Start([ContainerVersionStore.Path(space)], _options.LabelSelector, (json, _) => ContainerVersionStore.Read(json), _selected.In(space));
            foreach (WorkloadKind kind in WorkloadKind.All)
            {
                Start(WorkloadStore.PathsOf(kind, space), ContainerVersion.SelectorKey, (json, path) => kind.Read(json, path.Version), _view.ForWorkloads(kind.Name, space));
            }
        }

        try
        {
            // Without the whole picture nothing may be decided: a rival that is not seen yet, a tag that is not known to be followed.
            await Task.WhenAll(synced).WaitAsync(cancellationToken);
            IsSynced = true;
            LogSynced(_logger, _view.Resources.Count);
            if (_options.Election is not { } election)
            {
                await LeadAsync(cancellationToken);
            }
            else
            {
                LeaderElectionOptions options = new() { Namespace = election.Namespace, Name = election.Name, Identity = election.Identity, Random = _random };
                await new LeaderElection(_cluster, options, _time, _logger).RunAsync((_, token) => LeadAsync(token), cancellationToken);
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
        }
        finally
        {
            await watching.CancelAsync();
            await Task.WhenAll(reflectors);
        }

        void Start<T>(IReadOnlyList<ResourcePath> paths, string? labelSelector, Func<System.Text.Json.Nodes.JsonObject, ResourcePath, T> read, IReflection<T> reflection)
        {
            Reflector<T> reflector = new(_cluster, paths, labelSelector, read, reflection, _time, _logger, new ReflectorOptions { Random = _random });
            reflectors.Add(reflector.RunAsync(watching.Token));
            synced.Add(reflector.Synced);
        }
    }

    public void Dispose() => _logins.Dispose();

    /// <summary>Works on everything, from the beginning, while the token lets it.</summary>
    private async Task LeadAsync(CancellationToken cancellationToken)
    {
        using Term term = new(this);
        _term = term;
        try
        {
            foreach (ContainerVersion resource in _view.Resources)
                Wake(resource.Key);
            foreach (string gone in _view.Owing)
                Wake(gone);
            await term.RunAsync(cancellationToken);
        }
        finally
        {
            _term = null;
        }
    }

    private void Wake(string key) => _term?.Queue.Enqueue(key);

    private bool IsOurs(string key) => _selected?.Contains(key) ?? true;

    [LoggerMessage(EventId = 4501, Level = LogLevel.Information, Message = "All is read: {Count} ContainerVersions")]
    private static partial void LogSynced(ILogger logger, int count);

    [LoggerMessage(EventId = 4502, Level = LogLevel.Error, Message = "{Resource}: {Reason} {Remedy}")]
    private static partial void LogFailed(ILogger logger, string resource, string reason, string remedy);

    [LoggerMessage(EventId = 4503, Level = LogLevel.Information, Message = "{Resource}: it can be worked on again")]
    private static partial void LogWorksAgain(ILogger logger, string resource);

    /// <summary>The time for which this process leads: what it has to do, and whom it follows.</summary>
    private sealed class Term : IDisposable
    {
        private readonly ContainerVersionController _owner;
        private readonly FollowedVersions _versions;
        private readonly Reconciler _reconciler;
        private readonly ConcurrentDictionary<string, string> _complaints = new(StringComparer.Ordinal);

        public Term(ContainerVersionController owner)
        {
            _owner = owner;
            Queue = new WorkQueue(owner._time, new WorkQueueOptions { Random = owner._random, AllowSynchronousContinuations = owner._options.AllowSynchronousContinuations });
            Poller = new TagPoller(new RegistryTagLookup(owner._logins, owner._time), Queue.Enqueue, owner._time, owner._logger,
                new TagPollerOptions { Random = owner._random, AllowSynchronousContinuations = owner._options.AllowSynchronousContinuations });
            _versions = new FollowedVersions(Poller, owner._logins, Queue.Enqueue, Queue.EnqueueAfter, owner._time, owner._random, owner._logger);
            _reconciler = new Reconciler(owner._cluster, _versions, owner._time, owner._logger, owner._view.Update, owner._options.Random, owner._clock);
        }

        public WorkQueue Queue { get; }

        public TagPoller Poller { get; }

        public async Task RunAsync(CancellationToken cancellationToken)
        {
            Task polling = Poller.RunAsync(cancellationToken);
            await Workers.RunAsync(Queue, _owner._options.Workers, WorkAsync, _owner._logger, cancellationToken);
            await _versions.StopAsync();
            await polling;
        }

        public void Dispose()
        {
            Poller.Dispose();
            Queue.Dispose();
        }

        private async Task<WorkResult> WorkAsync(string key, CancellationToken cancellationToken)
        {
            if (_owner._view.FindOwing(key) is { } gone && !await EndAsync(gone, cancellationToken))
                return WorkResult.Failed;
            if (_owner._view.Find(key) is not { } resource || !_owner.IsOurs(key))
            {
                _versions.Forget(key);
                _owner._clock.Forget(key);
                _complaints.TryRemove(key, out _);
                return WorkResult.Done;
            }

            // Its workloads stay as they are; its owner is on the way out.
            if (resource.Metadata.DeletionTimestamp is not null)
                return WorkResult.Done;
            try
            {
                ReconcileResult result = await _reconciler.ReconcileAsync(resource, _owner._view.Around(resource), null, cancellationToken);
                _owner._view.Update(result.Resource);
                if (_complaints.TryRemove(key, out _))
                    LogWorksAgain(_owner._logger, key);
                bool changed = result.Finished is not null || result.Resource.Metadata.ResourceVersion != resource.Metadata.ResourceVersion;
                if (changed && _owner._output is { } output)
                    await output(result, cancellationToken);
                return Again(result);
            }
            catch (CvException error) when (error.ErrorId == "ResourceConflict")
            {
                return await ReadAgainAsync(resource, cancellationToken);
            }
            catch (CvException error)
            {
                Complain(key, error);
                // It may be itself that is gone, and the watch has not told yet.
                if (error.Kind == CvErrorKind.NotFound)
                    await ReadAgainAsync(resource, cancellationToken);
                return WorkResult.Failed;
            }
        }

        /// <summary>R8: records what a resource that was deleted leaves. Nothing can be recorded where its namespace is gone, too.</summary>
        /// <returns>False where it is to be tried again.</returns>
        private async Task<bool> EndAsync(ContainerVersion gone, CancellationToken cancellationToken)
        {
            try
            {
                await _reconciler.EndAsync(gone, cancellationToken);
            }
            catch (CvException error)
            {
                Complain(gone.Key, error);
                if (error.Kind != CvErrorKind.NotFound)
                    return false;
            }

            _owner._view.Settle(gone);
            return true;
        }

        private static WorkResult Again(ReconcileResult result)
        {
            if (result.ComeAgain is { } again)
                return WorkResult.ComeAgain(again);
            if (RolloutRecords.IsBehind(result.Resource))
                return WorkResult.Failed;
            if (result.Problem is not { } problem)
                return WorkResult.Done;
            // The poller wakes when a tag moves. That a version is pushed later than its tag, or a login mended, it does not see.
            return problem.IsTransient ? WorkResult.Failed : WorkResult.ComeAgain(TimeSpan.FromSeconds(result.Resource.Spec.PollIntervalSeconds));
        }

        /// <summary>Somebody else wrote, and the watch has not told yet.</summary>
        private async Task<WorkResult> ReadAgainAsync(ContainerVersion resource, CancellationToken cancellationToken)
        {
            try
            {
                _owner._view.Set(await _owner._resources.GetAsync(resource.Metadata.Namespace!, resource.Metadata.Name, cancellationToken));
                return WorkResult.ComeAgain(TimeSpan.Zero);
            }
            catch (CvException error) when (error.Kind == CvErrorKind.NotFound)
            {
                _owner._view.Remove(resource.Key);
                return WorkResult.Done;
            }
            catch (CvException error)
            {
                Complain(resource.Key, error);
                return WorkResult.Failed;
            }
        }

        /// <summary>What is wrong is said once, however often it is tried again.</summary>
        private void Complain(string key, CvException error)
        {
            string said = $"{error.Message} {error.Remedy}";
            if (_complaints.TryGetValue(key, out string? before) && before == said)
                return;
            _complaints[key] = said;
            LogFailed(_owner._logger, key, error.Message, error.Remedy);
        }
    }

    /// <summary>The keys that the label selector lets through.</summary>
    private sealed class SelectedKeys(Action<string> wake)
    {
        private readonly object _gate = new();
        private readonly HashSet<string> _keys = new(StringComparer.Ordinal);

        public bool Contains(string key)
        {
            lock (_gate)
                return _keys.Contains(key);
        }

        public IReflection<ContainerVersion> In(string? space) => new Reflection(this, space);

        private void Change(string key, bool selected)
        {
            bool changed;
            lock (_gate)
                changed = selected ? _keys.Add(key) : _keys.Remove(key);
            if (changed)
                wake(key);
        }

        private sealed class Reflection(SelectedKeys owner, string? space) : IReflection<ContainerVersion>
        {
            public void Replace(IReadOnlyList<ContainerVersion> all)
            {
                HashSet<string> left = new(all.Select(resource => resource.Key), StringComparer.Ordinal);
                List<string> gone;
                lock (owner._gate)
                    gone = [.. owner._keys.Where(key => !left.Contains(key) && (space is null || key.StartsWith(space + "/", StringComparison.Ordinal)))];
                foreach (string key in gone)
                    owner.Change(key, false);
                foreach (string key in left)
                    owner.Change(key, true);
            }

            public void Set(ContainerVersion item) => owner.Change(item.Key, true);

            public void Remove(ContainerVersion item) => owner.Change(item.Key, false);

            public void Blocked(CvException? why)
            {
                // What was selected stays so.
            }
        }
    }
}
