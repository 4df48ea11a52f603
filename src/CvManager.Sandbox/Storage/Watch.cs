using CvManager.Sandbox.Json;
using CvManager.Sandbox.Selectors;

namespace CvManager.Sandbox.Storage;

/// <summary>The objects that a list or a watch selects.</summary>
internal sealed record ObjectFilter(string Namespace, LabelSelector Labels, FieldSelector Fields)
{
    public bool IsEverything => Labels.IsEverything && Fields.IsEverything;

    public bool Matches(StoredObject item) =>
        (Namespace.Length == 0 || item.Namespace == Namespace)
        && (Labels.IsEverything || Labels.Matches(item.Body.Labels()))
        && (Fields.IsEverything || Fields.Matches(item.Body));
}

/// <summary>Serializes an event to a line.</summary>
internal delegate ReadOnlyMemory<byte> WatchEncoder(string eventType, StoredObject item);

/// <summary>
/// One watch of one table: writes the changes that match its filter to its stream. Called with the store's lock held.
/// </summary>
internal sealed class Watch(ResourceTable table, ObjectFilter filter, WatchEncoder encode, WatchStream stream)
{
    /// <summary>Sends an object that exists when the watch begins.</summary>
    public void OfferInitial(StoredObject item)
    {
        if (filter.Matches(item))
            stream.Write(encode("ADDED", item));
    }

    /// <summary>Sends a change. An object that starts to match the filter is ADDED; one that stops matching is DELETED.</summary>
    public void Offer(StoreChange change)
    {
        var before = change.Previous is not null && filter.Matches(change.Previous);
        var now = change.Kind != ChangeKind.Deleted && filter.Matches(change.Current);
        if (now)
            stream.Write(encode(before ? "MODIFIED" : "ADDED", change.Current));
        else if (before)
            stream.Write(encode("DELETED", change.Kind == ChangeKind.Deleted ? change.Current : LastSeen(change)));
    }

    public void Write(ReadOnlyMemory<byte> line) => stream.Write(line);

    public void End()
    {
        table.Detach(this);
        stream.End();
    }

    /// <summary>The last state that matched, with the revision of the change after which it no longer matches.</summary>
    private static StoredObject LastSeen(StoreChange change)
    {
        var body = change.Previous!.Body.Clone();
        body.Meta()["resourceVersion"] = change.Revision.ToString(System.Globalization.CultureInfo.InvariantCulture);
        return new StoredObject(body, change.Revision);
    }
}
