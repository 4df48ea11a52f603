namespace CvManager.Versions;

/// <summary>A set that forgets what was added first when it is full. Thread-safe.</summary>
internal sealed class BoundedSet<T>(int capacity)
    where T : notnull
{
    private readonly object _lock = new();
    private readonly HashSet<T> _items = [];
    private readonly Queue<T> _oldestFirst = new();

    public bool Contains(T item)
    {
        lock (_lock)
            return _items.Contains(item);
    }

    public void Add(T item)
    {
        lock (_lock)
        {
            if (!_items.Add(item))
                return;
            _oldestFirst.Enqueue(item);
            if (_oldestFirst.Count > capacity)
                _items.Remove(_oldestFirst.Dequeue());
        }
    }
}
