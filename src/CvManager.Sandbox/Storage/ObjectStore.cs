using System.Text.Json.Nodes;
using CvManager.Sandbox.Json;
using CvManager.Sandbox.Kinds;
using CvManager.Sandbox.Patching;

namespace CvManager.Sandbox.Storage;

/// <summary>
/// All objects of the cluster, with one revision counter and one lock. All members except <see cref="Gate"/> require the lock to be held;
/// never await while holding it.
/// </summary>
internal sealed class ObjectStore(int historyLimit)
{
    private readonly Dictionary<(string Group, string Resource), ResourceTable> _tables = [];
    private readonly Dictionary<string, (ResourceTable Table, StoredObject Object)> _byUid = new(StringComparer.Ordinal);
    private readonly List<Action<StoreChange>> _observers = [];

    public object Gate { get; } = new();

    /// <summary>The revision of the last change. A new cluster starts at 1, because 0 means "any" to clients.</summary>
    public long Revision { get; private set; } = 1;

    public IEnumerable<ResourceTable> Tables => _tables.Values;

    public ResourceTable Table(ResourceType type)
    {
        var key = (type.Group, type.Plural);
        if (!_tables.TryGetValue(key, out var table))
            _tables[key] = table = new ResourceTable(type, historyLimit, Revision);
        return table;
    }

    /// <summary>Removes the table of a custom resource that is no longer served.</summary>
    public void Remove(ResourceType type)
    {
        if (_tables.Remove((type.Group, type.Plural), out var table))
            table.EndWatches();
    }

    public (ResourceTable Table, StoredObject Object)? ByUid(string uid) => _byUid.TryGetValue(uid, out var found) ? found : null;

    /// <summary>Adds an observer of all changes. Observers are called in order, with the lock held, and must not change objects.</summary>
    public void Observe(Action<StoreChange> observer) => _observers.Add(observer);

    /// <summary>Adds a new object and sets its resourceVersion. The store takes ownership of the body.</summary>
    public StoredObject Add(ResourceTable table, JsonObject body, FieldOwners owners)
    {
        var added = Stamp(body, owners);
        table.Put(added);
        _byUid[added.Uid] = (table, added);
        Publish(new StoreChange(ChangeKind.Added, table, added, null));
        return added;
    }

    public StoredObject Replace(ResourceTable table, StoredObject previous, JsonObject body, FieldOwners owners)
    {
        var changed = Stamp(body, owners);
        table.Put(changed);
        _byUid[changed.Uid] = (table, changed);
        Publish(new StoreChange(ChangeKind.Modified, table, changed, previous));
        return changed;
    }

    public StoredObject Delete(ResourceTable table, StoredObject previous)
    {
        var last = Stamp(previous.Body.Clone(), previous.Owners);
        table.Drop(previous.Key);
        _byUid.Remove(previous.Uid);
        Publish(new StoreChange(ChangeKind.Deleted, table, last, previous));
        return last;
    }

    private StoredObject Stamp(JsonObject body, FieldOwners owners)
    {
        Revision++;
        body.Meta()["resourceVersion"] = Revision.ToString(System.Globalization.CultureInfo.InvariantCulture);
        return new StoredObject(body, Revision) { Owners = owners };
    }

    private void Publish(StoreChange change)
    {
        change.Table.Log(change);
        foreach (var observer in _observers)
            observer(change);
    }
}
