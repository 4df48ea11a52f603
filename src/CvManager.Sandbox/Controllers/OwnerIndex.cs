using CvManager.Sandbox.Api;
using CvManager.Sandbox.Kinds;
using CvManager.Sandbox.Storage;

namespace CvManager.Sandbox.Controllers;

/// <summary>Which objects each object owns, and which pods and replica sets of a namespace nobody controls. Kept up to date by every change.</summary>
internal sealed class OwnerIndex
{
    private readonly Dictionary<string, SortedDictionary<string, StoredObject>> byOwner = new(StringComparer.Ordinal);
    private readonly Dictionary<(ResourceType Type, string Namespace), SortedDictionary<string, StoredObject>> free = [];

    public OwnerIndex(ObjectStore store) => store.Observe(OnChange);

    /// <summary>All that name this uid as an owner.</summary>
    public IReadOnlyList<StoredObject> Dependents(string uid) => byOwner.TryGetValue(uid, out var found) ? [.. found.Values] : [];

    /// <summary>The objects of one type that this uid controls.</summary>
    public IEnumerable<StoredObject> Controlled(ResourceType type, string uid) => Dependents(uid)
        .Where(item => item.Body.Str("kind") == type.Kind && item.Body.ControllerRef().Str("uid") == uid);

    /// <summary>The objects of one type without a controller.</summary>
    public IReadOnlyList<StoredObject> Free(ResourceType type, string ns) =>
        free.TryGetValue((type, ns), out var found) ? [.. found.Values] : [];

    private void OnChange(StoreChange change)
    {
        var type = change.Table.Type;
        bool tracksFree = ReferenceEquals(type, BuiltInKinds.Pods) || ReferenceEquals(type, BuiltInKinds.ReplicaSets);
        string key = $"{type.QualifiedName}/{change.Current.Key}";
        if (change.Previous is StoredObject previous)
        {
            foreach (var owner in previous.Body.Items("metadata", "ownerReferences"))
            {
                if (byOwner.TryGetValue(owner.Str("uid"), out var dependents) && dependents.Remove(key) && dependents.Count == 0)
                    byOwner.Remove(owner.Str("uid"));
            }
            if (tracksFree && previous.Body.ControllerRef() is null && free.TryGetValue((type, previous.Namespace), out var list)
                && list.Remove(key) && list.Count == 0)
            {
                free.Remove((type, previous.Namespace));
            }
        }
        if (change.Kind == ChangeKind.Deleted)
            return;
        foreach (var owner in change.Current.Body.Items("metadata", "ownerReferences"))
            Entry(byOwner, owner.Str("uid"))[key] = change.Current;
        if (tracksFree && change.Current.Body.ControllerRef() is null)
            Entry(free, (type, change.Current.Namespace))[key] = change.Current;
    }

    private static SortedDictionary<string, StoredObject> Entry<TKey>(Dictionary<TKey, SortedDictionary<string, StoredObject>> index, TKey key)
        where TKey : notnull
    {
        if (!index.TryGetValue(key, out var entry))
            index[key] = entry = new SortedDictionary<string, StoredObject>(StringComparer.Ordinal);
        return entry;
    }
}
