namespace CvManager.Sandbox.Storage;

internal enum ChangeKind
{
    Added,
    Modified,
    Deleted,
}

/// <summary>One change of one object. For a deletion, <see cref="Current"/> is the last state with the revision of the deletion.</summary>
internal sealed record StoreChange(ChangeKind Kind, ResourceTable Table, StoredObject Current, StoredObject? Previous)
{
    public long Revision => Current.Revision;
}
