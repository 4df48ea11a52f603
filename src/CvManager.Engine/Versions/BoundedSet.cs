namespace CvManager.Versions;

/// <summary>A set with a maximum size that removes the oldest item when it is full. Thread-safe.</summary>
internal sealed class BoundedSet<T>(int capacity)
    where T : notnull
{
    private readonly BoundedMap<T, bool> _items = new(capacity);

    public bool Contains(T item) => _items.TryGetValue(item, out _);

    /// <returns>False if the item was already in the set.</returns>
    public bool Add(T item) => _items.Set(item, true);
}
