using CvManager.Sandbox.Api;

namespace CvManager.Sandbox.Storage;

/// <summary>What a list or a watch wants to see.</summary>
internal sealed record ObjectFilter(string Namespace, LabelSelector Labels, FieldSelector Fields)
{
    public bool IsEverything => Labels.IsEverything && Fields.IsEverything;

    public bool Matches(StoredObject item) =>
        (Namespace.Length == 0 || item.Namespace == Namespace)
        && (Labels.IsEverything || Labels.Matches(item.Body.Labels()))
        && (Fields.IsEverything || Fields.Matches(item.Body));
}

/// <summary>Turns an event into the line that goes over the wire.</summary>
internal delegate ReadOnlyMemory<byte> WatchEncoder(string eventType, StoredObject item);

/// <summary>
/// One watch of one table: filters the table's changes, and writes what its client shall see to <see cref="Stream"/>. Called with the
/// store's lock held.
/// </summary>
internal sealed class Watch(ResourceTable table, ObjectFilter filter, WatchEncoder encode, WatchStream stream)
{
    public WatchStream Stream => stream;

    /// <summary>An object that is there when the watch begins.</summary>
    public void OfferInitial(StoredObject item)
    {
        if (filter.Matches(item))
            stream.Write(encode("ADDED", item));
    }

    /// <summary>A change: one that brings an object into the filter's sight is ADDED, one that takes it out is DELETED.</summary>
    public void Offer(StoreChange change)
    {
        bool before = change.Previous is not null && filter.Matches(change.Previous);
        bool now = change.Kind != ChangeKind.Deleted && filter.Matches(change.Current);
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

    /// <summary>The state that the client knew, at the revision of the change that took it out of sight.</summary>
    private static StoredObject LastSeen(StoreChange change)
    {
        var body = change.Previous!.Body.Clone();
        body.Meta()["resourceVersion"] = change.Revision.ToString(System.Globalization.CultureInfo.InvariantCulture);
        return new StoredObject(body, change.Revision);
    }
}
