using System.Diagnostics.CodeAnalysis;

namespace CvManager.Versions;

/// <summary>A map with a maximum size that removes the oldest entry when it is full. Thread-safe.</summary>
internal sealed class BoundedMap<TKey, TValue>(int capacity)
    where TKey : notnull
{
    private readonly object _lock = new();
    private readonly Dictionary<TKey, TValue> _values = [];
    private readonly Queue<TKey> _oldestFirst = new();

    public int Count
    {
        get
        {
            lock (_lock)
                return _values.Count;
        }
    }

    public bool TryGetValue(TKey key, [MaybeNullWhen(false)] out TValue value)
    {
        lock (_lock)
            return _values.TryGetValue(key, out value);
    }

    /// <summary>Adds or replaces.</summary>
    /// <returns>True if the key was added.</returns>
    public bool Set(TKey key, TValue value)
    {
        lock (_lock)
        {
            var isNew = !_values.ContainsKey(key);
            _values[key] = value;
            if (isNew)
                _oldestFirst.Enqueue(key);
            if (_oldestFirst.Count > capacity)
                _values.Remove(_oldestFirst.Dequeue());
            return isNew;
        }
    }
}
