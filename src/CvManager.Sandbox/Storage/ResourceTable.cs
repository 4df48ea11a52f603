using CvManager.Sandbox.Errors;
using CvManager.Sandbox.Kinds;

namespace CvManager.Sandbox.Storage;

/// <summary>The objects of one resource, in etcd's order, and its latest changes. Guarded by the store's lock.</summary>
internal sealed class ResourceTable(ResourceType type, int historyLimit, long createdAt)
{
    private readonly Dictionary<string, StoredObject> _byKey = new(StringComparer.Ordinal);
    private readonly List<StoredObject> _sorted = [];
    private readonly Queue<StoreChange> _history = new();
    private readonly List<Watch> _watches = [];

    public ResourceType Type { get; set; } = type;

    public int Count => _sorted.Count;

    /// <summary>All changes after this revision are in the history.</summary>
    public long HistoryStart { get; private set; } = createdAt;

    public StoredObject? Find(string ns, string name) => _byKey.GetValueOrDefault(StoredObject.KeyOf(ns, name));

    /// <summary>All objects, or those of one namespace, in the order of their keys.</summary>
    public IReadOnlyList<StoredObject> List(string ns)
    {
        if (ns.Length == 0)
            return [.. _sorted];
        var from = LowerBound(ns + "/");
        var to = LowerBound(ns + "0"); // '0' follows '/'
        return _sorted.GetRange(from, to - from);
    }

    /// <summary>The objects as they were at an older revision.</summary>
    /// <exception cref="ApiException">410: the revision is older than the history.</exception>
    public IReadOnlyList<StoredObject> ListAt(string ns, long revision, string messageWhenTooOld)
    {
        if (revision < HistoryStart)
            throw ApiException.Expired(messageWhenTooOld);
        var later = _history.Where(change => change.Revision > revision).ToList();
        if (later.Count == 0)
            return List(ns);
        var state = new SortedDictionary<string, StoredObject>(StringComparer.Ordinal);
        foreach (var item in List(ns))
            state[item.Key] = item;
        for (var i = later.Count - 1; i >= 0; i--)
        {
            var change = later[i];
            if (ns.Length > 0 && change.Current.Namespace != ns)
                continue;
            if (change.Previous is null)
                state.Remove(change.Current.Key);
            else
                state[change.Current.Key] = change.Previous;
        }
        return [.. state.Values];
    }

    public IEnumerable<StoreChange> ChangesAfter(long revision) => _history.Where(change => change.Revision > revision);

    public void Put(StoredObject item)
    {
        var at = LowerBound(item.Key);
        if (at < _sorted.Count && _sorted[at].Key == item.Key)
            _sorted[at] = item;
        else
            _sorted.Insert(at, item);
        _byKey[item.Key] = item;
    }

    public void Drop(string key)
    {
        _byKey.Remove(key);
        _sorted.RemoveAt(LowerBound(key));
    }

    public void Log(StoreChange change)
    {
        _history.Enqueue(change);
        while (_history.Count > historyLimit)
            HistoryStart = _history.Dequeue().Revision;
        // Iterate over a copy: a reader woken by the event may end its watch.
        foreach (var watch in _watches.ToArray())
            watch.Offer(change);
    }

    /// <summary>Discards the history, like etcd compaction.</summary>
    public void Compact(long revision)
    {
        _history.Clear();
        HistoryStart = revision;
    }

    public void Attach(Watch watch) => _watches.Add(watch);

    public void Detach(Watch watch) => _watches.Remove(watch);

    public void EndWatches()
    {
        foreach (var watch in _watches.ToArray())
            watch.End();
    }

    private int LowerBound(string key)
    {
        var low = 0;
        var high = _sorted.Count;
        while (low < high)
        {
            var middle = (low + high) >>> 1;
            if (string.CompareOrdinal(_sorted[middle].Key, key) < 0)
                low = middle + 1;
            else
                high = middle;
        }
        return low;
    }
}
