using System.Runtime.CompilerServices;

namespace CvManager.Sandbox;

/// <summary>
/// A clock for simulations. Time stands still until it is advanced, and then jumps from one timer to the next. Timers fire one at a time,
/// ordered by due time and then by the order in which they were set, and never inside the call that sets them.
/// </summary>
/// <remarks>
/// Thread-safe, but only one caller may advance time at once. A run is exactly repeatable if everything runs on one thread: timer callbacks
/// do, and work they queue does if the thread pool has one thread (<c>System.Threading.ThreadPool.MaxThreads</c>).
/// </remarks>
public sealed class VirtualTime(DateTimeOffset start) : TimeProvider
{
    private readonly object _gate = new();
    private readonly PriorityQueue<(VirtualTimer Timer, long Order), (DateTimeOffset Due, long Order)> _queue = new();
    private DateTimeOffset _now = start;
    private long _order;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override TimeZoneInfo LocalTimeZone => TimeZoneInfo.Utc;

    /// <summary>When the next timer is due; null if none is set.</summary>
    public DateTimeOffset? NextDue
    {
        get
        {
            lock (_gate)
            {
                return Peek()?.Due;
            }
        }
    }

    public override DateTimeOffset GetUtcNow()
    {
        lock (_gate)
        {
            return _now;
        }
    }

    public override long GetTimestamp() => GetUtcNow().UtcTicks;

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        ArgumentNullException.ThrowIfNull(callback);
        var timer = new VirtualTimer(this, callback, state);
        timer.Change(dueTime, period);
        return timer;
    }

    /// <summary>Advances to the next timer due by <paramref name="limit"/> and fires it. If there is none, advances to the limit.</summary>
    /// <returns>False if no timer was due.</returns>
    public bool FireNext(DateTimeOffset limit)
    {
        VirtualTimer timer;
        lock (_gate)
        {
            if (Peek() is not (var next, var due) || due > limit)
            {
                _now = limit > _now ? limit : _now;
                return false;
            }
            _queue.Dequeue();
            _now = due > _now ? due : _now;
            timer = next;
            Schedule(timer, timer.Period);
        }
        timer.Fire();
        return true;
    }

    /// <summary>Fires all timers due by the limit.</summary>
    public void RunUntil(DateTimeOffset limit)
    {
        while (FireNext(limit)) { }
    }

    /// <summary>
    /// Like <see cref="RunUntil"/>, for code that continues on the thread pool: waits between timers until no work is queued there. Ends
    /// early when <paramref name="isDone"/>, called after each timer, returns true. Only one run per process at a time: two would wait for
    /// each other's work items and never end.
    /// </summary>
    /// <returns>True if it ended early.</returns>
    public async Task<bool> RunUntilAsync(DateTimeOffset limit, Func<bool>? isDone, CancellationToken cancellationToken)
    {
        while (true)
        {
            do
            {
                await default(PoolYield);
            } while (ThreadPool.PendingWorkItemCount > 0);
            cancellationToken.ThrowIfCancellationRequested();
            if (isDone?.Invoke() == true)
                return true;
            if (!FireNext(limit))
                return false;
        }
    }

    private (VirtualTimer Timer, DateTimeOffset Due)? Peek()
    {
        while (_queue.TryPeek(out var entry, out var priority))
        {
            if (entry.Timer.Order == entry.Order)
                return (entry.Timer, priority.Due);
            _queue.Dequeue(); // Stale: the timer was changed or disposed.
        }
        return null;
    }

    /// <summary>Called with the lock held.</summary>
    private void Schedule(VirtualTimer timer, TimeSpan delay)
    {
        timer.Order = ++_order;
        if (delay != Timeout.InfiniteTimeSpan)
            _queue.Enqueue((timer, _order), (_now + delay, _order));
    }

    private sealed class VirtualTimer(VirtualTime time, TimerCallback callback, object? state) : ITimer
    {
        private bool _disposed;

        public TimeSpan Period { get; private set; } = Timeout.InfiniteTimeSpan;

        /// <summary>Identifies the current setting; queue entries of earlier settings are skipped.</summary>
        public long Order { get; set; }

        public void Fire() => callback(state);

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            lock (time._gate)
            {
                if (_disposed)
                    return false;
                Period = period == TimeSpan.Zero ? Timeout.InfiniteTimeSpan : period;
                time.Schedule(this, dueTime);
                return true;
            }
        }

        public void Dispose()
        {
            lock (time._gate)
            {
                _disposed = true;
                Period = Timeout.InfiniteTimeSpan;
                time.Schedule(this, Timeout.InfiniteTimeSpan);
            }
        }

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }

    /// <summary>Continues on the thread pool, after the work already queued there.</summary>
    private readonly struct PoolYield : INotifyCompletion
    {
        public bool IsCompleted => false;

        public PoolYield GetAwaiter() => this;

        public void GetResult() { }

        public void OnCompleted(Action continuation) =>
            ThreadPool.QueueUserWorkItem(static next => next(), continuation, preferLocal: false);
    }
}
