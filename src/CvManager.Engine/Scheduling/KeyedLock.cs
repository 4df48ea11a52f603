namespace CvManager.Scheduling;

/// <summary>
/// Lets one caller for each key do something at a time, so that those who come meanwhile find it done. Thread-safe; memory follows the
/// number of keys in use.
/// </summary>
internal sealed class KeyedLock<TKey>
    where TKey : notnull
{
    private readonly Dictionary<TKey, TaskCompletionSource> _taken = [];

    /// <summary>Waits until nobody else has the key's turn. Disposing the result ends it.</summary>
    public async ValueTask<Turn> TakeAsync(TKey key, CancellationToken cancellationToken)
    {
        while (true)
        {
            Task other;
            lock (_taken)
            {
                if (!_taken.TryGetValue(key, out TaskCompletionSource? taken))
                {
                    _taken.Add(key, new TaskCompletionSource());
                    return new Turn(this, key);
                }

                other = taken.Task;
            }

            await other.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    private void End(TKey key)
    {
        TaskCompletionSource? taken;
        lock (_taken)
            _taken.Remove(key, out taken);
        taken?.SetResult();
    }

    internal sealed class Turn(KeyedLock<TKey> owner, TKey key) : IDisposable
    {
        public void Dispose() => owner.End(key);
    }
}
