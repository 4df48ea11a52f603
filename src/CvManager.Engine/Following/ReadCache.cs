using System.Diagnostics.CodeAnalysis;
using CvManager.Scheduling;
using CvManager.Versions;

namespace CvManager.Following;

/// <summary>
/// Caches what was read from the cluster. Concurrent callers share one read. Thread-safe; the oldest entry is dropped when it is full.
/// </summary>
internal sealed class ReadCache<TValue>(int capacity, TimeProvider time)
{
    private readonly BoundedMap<string, (TValue Value, long ReadAt)> _values = new(capacity);
    private readonly KeyedLock<string> _locks = new();

    /// <param name="maxAge">An older value is read again.</param>
    public async ValueTask<TValue> GetAsync(
        string key,
        TimeSpan maxAge,
        Func<CancellationToken, Task<TValue>> read,
        CancellationToken cancellationToken
    )
    {
        if (TryGet(key, maxAge, out var known))
            return known;
        using var held = await _locks.AcquireAsync(key, cancellationToken);
        if (TryGet(key, maxAge, out known))
            return known;
        var value = await read(cancellationToken);
        _values.Set(key, (value, time.GetTimestamp()));
        return value;
    }

    private bool TryGet(string key, TimeSpan maxAge, [MaybeNullWhen(false)] out TValue value)
    {
        var found = _values.TryGetValue(key, out var known) && time.GetElapsedTime(known.ReadAt) < maxAge;
        value = known.Value;
        return found;
    }
}
