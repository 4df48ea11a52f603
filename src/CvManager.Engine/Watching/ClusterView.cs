using System.Globalization;
using CvManager.Records;
using CvManager.Resources;
using CvManager.Workloads;

namespace CvManager.Watching;

/// <summary>
/// The ContainerVersions and workloads of the cluster as the watches report them, indexed for the planner: memory and the cost of a lookup
/// are proportional to what is managed.
/// </summary>
/// <remarks>
/// Thread-safe. The responses to our own writes are stored as well, so that the next step does not act on the state before the write. An
/// older state from a watch or a response never replaces a newer one. A list does, whatever its resource versions are: a cluster that was
/// restored from a backup continues from an earlier version. Keys are namespace/name. <paramref name="wake"/> is called outside the lock.
/// </remarks>
/// <param name="wake">Called with the key of each resource that has to be reconciled; must be fast and must not throw.</param>
internal sealed class ClusterView(Action<string> wake)
{
    private const int MaxPendingDeletions = 1000;

    private readonly object _gate = new();
    private readonly Dictionary<string, ContainerVersion> _resources = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Workload> _workloads = new(StringComparer.Ordinal);
    private readonly Dictionary<string, HashSet<string>> _resourcesOfApp = new(StringComparer.Ordinal);
    private readonly Dictionary<string, HashSet<string>> _workloadsOfApp = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, (string? Namespace, CvException Why)> _readErrors = new(StringComparer.Ordinal);
    private readonly Dictionary<string, ContainerVersion> _pendingDeletions = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Dictionary<string, int>> _tagsOfRepository = new(StringComparer.Ordinal);

    private ClusterSnapshot? _snapshot;

    /// <summary>The present state; the same object until something changes.</summary>
    public ClusterSnapshot Snapshot
    {
        get
        {
            lock (_gate)
                return _snapshot ??= new([.. _resources.Values], [.. _workloads.Values]);
        }
    }

    /// <summary>Every resource.</summary>
    public IReadOnlyList<ContainerVersion> Resources
    {
        get
        {
            lock (_gate)
                return [.. _resources.Values];
        }
    }

    public ContainerVersion? Find(string key)
    {
        lock (_gate)
            return _resources.GetValueOrDefault(key);
    }

    /// <summary>The keys of deleted resources whose final records have not been written.</summary>
    public IReadOnlyList<string> PendingDeletions
    {
        get
        {
            lock (_gate)
                return [.. _pendingDeletions.Keys];
        }
    }

    /// <summary>The last state of a deleted resource whose final records have not been written; null if there is none.</summary>
    public ContainerVersion? FindPendingDeletion(string key)
    {
        lock (_gate)
            return _pendingDeletions.GetValueOrDefault(key);
    }

    /// <summary>Forgets a deleted resource: its final records are written, or cannot be written.</summary>
    public void Settle(ContainerVersion gone)
    {
        lock (_gate)
        {
            if (_pendingDeletions.GetValueOrDefault(gone.Key) == gone)
                _pendingDeletions.Remove(gone.Key);
        }
    }

    public PlanContext Around(ContainerVersion resource)
    {
        lock (_gate)
        {
            var app = AppOf(resource);
            return new PlanContext(
                _workloadsOfApp.TryGetValue(app, out var workloads) ? [.. workloads.Select(key => _workloads[key])] : [],
                _resourcesOfApp.TryGetValue(app, out var resources) ? [.. resources.Select(key => _resources[key])] : [],
                _tagsOfRepository.TryGetValue(resource.Spec.ImageRepo, out var tags) ? [.. tags.Keys] : []
            )
            {
                WorkloadsError = _readErrors
                    .Values.FirstOrDefault(error => error.Namespace is null || error.Namespace == resource.Metadata.Namespace)
                    .Why,
            };
        }
    }

    /// <summary>Stores the state of a resource, as it was read.</summary>
    public void Set(ContainerVersion resource) => Set(resource, Source.Watch);

    /// <summary>
    /// Stores the state of a resource from the response to a write. An unknown resource is ignored: a late response must not bring back
    /// an object that the watch has reported as deleted.
    /// </summary>
    public void Update(ContainerVersion resource) => Set(resource, Source.Answer);

    /// <inheritdoc cref="Update(ContainerVersion)"/>
    public void Update(Workload workload) => Set(workload, Source.Answer);

    private void Set(ContainerVersion resource, Source source)
    {
        HashSet<string> woken = [];
        lock (_gate)
        {
            _resources.TryGetValue(resource.Key, out var former);
            if (source == Source.Answer && former?.Metadata.Uid != resource.Metadata.Uid)
                return;
            if (
                former is not null
                && former.Metadata.Uid == resource.Metadata.Uid
                && !IsNews(source, resource.Metadata.ResourceVersion, former.Metadata.ResourceVersion)
            )
                return;
            // A change of only the status does not concern other resources.
            var asBefore =
                former is not null
                && former.Metadata.Uid == resource.Metadata.Uid
                && former.Metadata.Generation == resource.Metadata.Generation
                && former.Metadata.DeletionTimestamp == resource.Metadata.DeletionTimestamp;
            if (former is not null)
                Unlist(former, asBefore ? [] : woken);
            List(resource, asBefore ? [] : woken);
            woken.Add(resource.Key);
        }

        Wake(woken);
    }

    /// <param name="last">The last state, if the watch reported it.</param>
    public void Remove(string key, ContainerVersion? last = null)
    {
        HashSet<string> woken = [key];
        lock (_gate)
        {
            if (_resources.TryGetValue(key, out var former))
                Unlist(former, woken);
            // Bounded: a standby writes no records, and so never removes an entry.
            if ((last ?? former) is { } gone && RolloutRecords.NeedsFinalRecord(gone) && _pendingDeletions.Count < MaxPendingDeletions)
                _pendingDeletions[key] = gone;
        }

        Wake(woken);
    }

    /// <summary>Stores the state of a workload, as it was read.</summary>
    public void Set(Workload workload) => Set(workload, Source.Watch);

    private void Set(Workload workload, Source source)
    {
        HashSet<string> woken = [];
        lock (_gate)
        {
            var key = KeyOf(workload);
            _workloads.TryGetValue(key, out var former);
            if (source == Source.Answer && former is null)
                return;
            if (former is not null)
            {
                // An object that replaced another one of the same name (a recreated Job) counts as a newer state.
                if (
                    (source == Source.Answer || former.Uid == workload.Uid)
                    && !IsNews(source, workload.ResourceVersion, former.ResourceVersion)
                )
                    return;
                Unlist(former, woken);
            }

            _snapshot = null;
            _workloads.Add(key, workload);
            var app = AppOf(workload);
            In(_workloadsOfApp, app).Add(key);
            AddResourcesOf(app, woken);
        }

        Wake(woken);
    }

    public void Remove(Workload workload) => RemoveWorkload(KeyOf(workload));

    private void RemoveWorkload(string key)
    {
        HashSet<string> woken = [];
        lock (_gate)
        {
            if (_workloads.TryGetValue(key, out var former))
                Unlist(former, woken);
        }

        Wake(woken);
    }

    private void SetReadError(string kind, string? ns, CvException? why)
    {
        string[] woken;
        lock (_gate)
        {
            var key = $"{kind}/{ns}";
            var changed = why is null ? _readErrors.Remove(key) : !_readErrors.ContainsKey(key);
            if (why is not null)
                _readErrors[key] = (ns, why);
            // Resources with known workloads continue with those.
            woken = changed
                ?
                [
                    .. _resources
                        .Values.Where(r => (ns is null || r.Metadata.Namespace == ns) && !_workloadsOfApp.ContainsKey(AppOf(r)))
                        .Select(r => r.Key),
                ]
                : [];
        }

        Wake(woken);
    }

    /// <summary>The store of a reflector of ContainerVersions.</summary>
    /// <param name="ns">The namespace that the reflector watches; null for all.</param>
    public IReflection<ContainerVersion> ForResources(string? ns) => new ResourceReflection(this, ns);

    /// <summary>The store of a reflector of one kind of workload.</summary>
    /// <inheritdoc cref="ForResources" path="/param"/>
    public IReflection<Workload> ForWorkloads(string kind, string? ns) => new WorkloadReflection(this, kind, ns);

    private void List(ContainerVersion resource, HashSet<string> woken)
    {
        _snapshot = null;
        _resources.Add(resource.Key, resource);
        var app = AppOf(resource);
        In(_resourcesOfApp, app).Add(resource.Key);
        AddResourcesOf(app, woken);
        if (resource.Followed is not FollowedTag { Name: var tag })
            return;
        if (!_tagsOfRepository.TryGetValue(resource.Spec.ImageRepo, out var tags))
            _tagsOfRepository.Add(resource.Spec.ImageRepo, tags = new Dictionary<string, int>(StringComparer.Ordinal));
        tags[tag] = tags.GetValueOrDefault(tag) + 1;
    }

    private void Unlist(ContainerVersion resource, HashSet<string> woken)
    {
        _snapshot = null;
        _resources.Remove(resource.Key);
        var app = AppOf(resource);
        AddResourcesOf(app, woken);
        Out(_resourcesOfApp, app, resource.Key);
        if (resource.Followed is not FollowedTag { Name: var tag })
            return;
        var tags = _tagsOfRepository[resource.Spec.ImageRepo];
        if (--tags[tag] == 0)
            tags.Remove(tag);
        if (tags.Count == 0)
            _tagsOfRepository.Remove(resource.Spec.ImageRepo);
    }

    private void Unlist(Workload workload, HashSet<string> woken)
    {
        var key = KeyOf(workload);
        _snapshot = null;
        _workloads.Remove(key);
        var app = AppOf(workload);
        AddResourcesOf(app, woken);
        Out(_workloadsOfApp, app, key);
    }

    private void AddResourcesOf(string app, HashSet<string> woken)
    {
        if (_resourcesOfApp.TryGetValue(app, out var keys))
            woken.UnionWith(keys);
    }

    private void Wake(IEnumerable<string> keys)
    {
        foreach (var key in keys.Order(StringComparer.Ordinal))
            wake(key);
    }

    /// <summary>
    /// Resource versions are opaque, but comparable as numbers on every API server that stores its objects in etcd, and by contract since
    /// Kubernetes 1.35 (KEP-5504). If they are not numbers, a different version counts as newer.
    /// </summary>
    internal static bool IsNewer(string? version, string? former) =>
        ulong.TryParse(version, CultureInfo.InvariantCulture, out var one)
        && ulong.TryParse(former, CultureInfo.InvariantCulture, out var other)
            ? one > other
            : version != former;

    private static bool IsNews(Source source, string? version, string? former) =>
        source == Source.List ? version != former : IsNewer(version, former);

    private static HashSet<string> In(Dictionary<string, HashSet<string>> index, string app)
    {
        if (!index.TryGetValue(app, out var keys))
            index.Add(app, keys = new HashSet<string>(StringComparer.Ordinal));
        return keys;
    }

    private static void Out(Dictionary<string, HashSet<string>> index, string app, string key)
    {
        if (index.TryGetValue(app, out var keys) && keys.Remove(key) && keys.Count == 0)
            index.Remove(app);
    }

    private static string AppOf(ContainerVersion resource) =>
        $"{resource.Metadata.Namespace}/{resource.Spec.Selector.GetValueOrDefault(ContainerVersion.SelectorKey)}";

    private static string AppOf(Workload workload) =>
        $"{workload.Namespace}/{workload.Labels.GetValueOrDefault(ContainerVersion.SelectorKey)}";

    private static string KeyOf(Workload workload) => $"{workload.Kind}/{workload.Namespace}/{workload.Name}";

    /// <summary>The origin of a state.</summary>
    private enum Source
    {
        Watch,
        List,
        Answer,
    }

    private sealed class ResourceReflection(ClusterView view, string? ns) : IReflection<ContainerVersion>
    {
        public void Replace(IReadOnlyList<ContainerVersion> all)
        {
            HashSet<string> left = new(all.Select(resource => resource.Key), StringComparer.Ordinal);
            foreach (var gone in view.Resources.Where(r => (ns is null || r.Metadata.Namespace == ns) && !left.Contains(r.Key)))
                view.Remove(gone.Key);
            foreach (var resource in all)
                view.Set(resource, Source.List);
        }

        public void Set(ContainerVersion item) => view.Set(item);

        public void Remove(ContainerVersion item) => view.Remove(item.Key, item);

        public void Skip(string key) => view.Remove(key);

        public void Blocked(CvException? why)
        {
            // Keep the known state; every write is a compare-and-swap.
        }
    }

    private sealed class WorkloadReflection(ClusterView view, string kind, string? ns) : IReflection<Workload>
    {
        public void Replace(IReadOnlyList<Workload> all)
        {
            HashSet<string> left = new(all.Select(KeyOf), StringComparer.Ordinal);
            List<Workload> gone;
            lock (view._gate)
                gone =
                [
                    .. view._workloads.Values.Where(w => w.Kind == kind && (ns is null || w.Namespace == ns) && !left.Contains(KeyOf(w))),
                ];
            foreach (var workload in gone)
                view.Remove(workload);
            foreach (var workload in all)
                view.Set(workload, Source.List);
        }

        public void Set(Workload item) => view.Set(item);

        public void Remove(Workload item) => view.Remove(item);

        public void Skip(string key) => view.RemoveWorkload($"{kind}/{key}");

        public void Blocked(CvException? why) => view.SetReadError(kind, ns, why);
    }
}
