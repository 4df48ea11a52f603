namespace CvManager.Versions;

/// <summary>A set that forgets what was added first when it is full. Thread-safe.</summary>
internal sealed class BoundedSet<T>(int capacity)
    where T : notnull
{
    private readonly BoundedMap<T, bool> _items = new(capacity);

    public bool Contains(T item) => _items.TryGetValue(item, out _);

    /// <returns>False where it was in the set already.</returns>
    public bool Add(T item) => _items.Set(item, true);
}
