using CvManager.Sandbox.Json;
using CvManager.Sandbox.Kinds;
using CvManager.Sandbox.Storage;

namespace CvManager.Sandbox.Controllers;

/// <summary>An index of the objects that each object owns, and of the pods and replica sets without a controller.</summary>
internal sealed class OwnerIndex
{
    private readonly Dictionary<string, SortedDictionary<string, StoredObject>> _byOwner = new(StringComparer.Ordinal);
    private readonly Dictionary<(ResourceType Type, string Namespace), SortedDictionary<string, StoredObject>> _orphans = [];

    public OwnerIndex(ObjectStore store) => store.Observe(OnChange);

    /// <summary>All objects with an owner reference to this UID.</summary>
    public IReadOnlyList<StoredObject> Dependents(string uid) => _byOwner.TryGetValue(uid, out var found) ? [.. found.Values] : [];

    /// <summary>The objects of one type whose controller has this UID.</summary>
    public IEnumerable<StoredObject> Controlled(ResourceType type, string uid) =>
        Dependents(uid).Where(item => item.Body.Str("kind") == type.Kind && item.Body.ControllerRef().Str("uid") == uid);

    /// <summary>The pods or replica sets of a namespace without a controller.</summary>
    public IReadOnlyList<StoredObject> Orphans(ResourceType type, string ns) =>
        _orphans.TryGetValue((type, ns), out var found) ? [.. found.Values] : [];

    private void OnChange(StoreChange change)
    {
        var type = change.Table.Type;
        var tracksOrphans = ReferenceEquals(type, BuiltInKinds.Pods) || ReferenceEquals(type, BuiltInKinds.ReplicaSets);
        var key = $"{type.QualifiedName}/{change.Current.Key}";
        if (change.Previous is StoredObject previous)
        {
            foreach (var owner in previous.Body.Items("metadata", "ownerReferences"))
            {
                if (_byOwner.TryGetValue(owner.Str("uid"), out var dependents) && dependents.Remove(key) && dependents.Count == 0)
                    _byOwner.Remove(owner.Str("uid"));
            }
            if (
                tracksOrphans
                && previous.Body.ControllerRef() is null
                && _orphans.TryGetValue((type, previous.Namespace), out var list)
                && list.Remove(key)
                && list.Count == 0
            )
            {
                _orphans.Remove((type, previous.Namespace));
            }
        }
        if (change.Kind == ChangeKind.Deleted)
            return;
        foreach (var owner in change.Current.Body.Items("metadata", "ownerReferences"))
            Entry(_byOwner, owner.Str("uid"))[key] = change.Current;
        if (tracksOrphans && change.Current.Body.ControllerRef() is null)
            Entry(_orphans, (type, change.Current.Namespace))[key] = change.Current;
    }

    private static SortedDictionary<string, StoredObject> Entry<TKey>(
        Dictionary<TKey, SortedDictionary<string, StoredObject>> index,
        TKey key
    )
        where TKey : notnull
    {
        if (!index.TryGetValue(key, out var entry))
            index[key] = entry = new SortedDictionary<string, StoredObject>(StringComparer.Ordinal);
        return entry;
    }
}
