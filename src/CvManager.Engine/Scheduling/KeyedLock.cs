namespace CvManager.Scheduling;

/// <summary>
/// A lock per key: one caller at a time for each key. Thread-safe; memory is proportional to the number of keys in use.
/// </summary>
internal sealed class KeyedLock<TKey>
    where TKey : notnull
{
    private readonly Dictionary<TKey, TaskCompletionSource> _taken = [];

    /// <summary>Waits until the key is free. Disposing the result releases the key.</summary>
    public async ValueTask<Releaser> AcquireAsync(TKey key, CancellationToken cancellationToken)
    {
        while (true)
        {
            Task other;
            lock (_taken)
            {
                if (!_taken.TryGetValue(key, out var taken))
                {
                    _taken.Add(key, new TaskCompletionSource());
                    return new Releaser(this, key);
                }

                other = taken.Task;
            }

            await other.WaitAsync(cancellationToken);
        }
    }

    private void Release(TKey key)
    {
        TaskCompletionSource? taken;
        lock (_taken)
            _taken.Remove(key, out taken);
        taken?.SetResult();
    }

    internal sealed class Releaser(KeyedLock<TKey> owner, TKey key) : IDisposable
    {
        public void Dispose() => owner.Release(key);
    }
}
