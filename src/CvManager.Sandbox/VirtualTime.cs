using System.Runtime.CompilerServices;

namespace CvManager.Sandbox;

/// <summary>
/// A clock for simulations: it stands still until it is told to go on, and then jumps from one timer to the next. Timers fire one by
/// one, by due time and then in the order in which they were set, never inside of the call that sets them.
/// </summary>
/// <remarks>
/// Thread-safe; time is to be moved on by one caller at a time. A run is repeated exactly where all of it happens on one thread: timers'
/// callbacks do, and what they queue on the thread pool does where the pool has but one (<c>System.Threading.ThreadPool.MaxThreads</c>).
/// </remarks>
public sealed class VirtualTime(DateTimeOffset start) : TimeProvider
{
    private readonly object gate = new();
    private readonly PriorityQueue<(VirtualTimer Timer, long Order), (DateTimeOffset Due, long Order)> queue = new();
    private DateTimeOffset now = start;
    private long order;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override TimeZoneInfo LocalTimeZone => TimeZoneInfo.Utc;

    /// <summary>When the next timer is due; null where none is set.</summary>
    public DateTimeOffset? NextDue
    {
        get
        {
            lock (gate)
            {
                return Peek()?.Due;
            }
        }
    }

    public override DateTimeOffset GetUtcNow()
    {
        lock (gate)
        {
            return now;
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

    /// <summary>Goes on to the next timer that is due by <paramref name="limit"/> and fires it; where there is none, goes on to the limit.</summary>
    /// <returns>False where no timer was due.</returns>
    public bool FireNext(DateTimeOffset limit)
    {
        VirtualTimer timer;
        lock (gate)
        {
            if (Peek() is not (var next, var due) || due > limit)
            {
                now = limit > now ? limit : now;
                return false;
            }
            queue.Dequeue();
            now = due > now ? due : now;
            timer = next;
            Schedule(timer, timer.Period);
        }
        timer.Fire();
        return true;
    }

    /// <summary>Fires, one after the other, what is due until then.</summary>
    public void RunUntil(DateTimeOffset limit)
    {
        while (FireNext(limit))
        {
        }
    }

    /// <summary>
    /// The same for code that goes on on the thread pool: between two timers it waits until nothing is queued there. Ends early once
    /// <paramref name="enough"/> says so, which is asked after each timer. One such run at a time in a process: each of two would take the
    /// other's turn for work that is queued, and neither would end.
    /// </summary>
    /// <returns>True where it ended early.</returns>
    public async Task<bool> RunUntilAsync(DateTimeOffset limit, Func<bool>? enough, CancellationToken cancellationToken)
    {
        while (true)
        {
            do
            {
                await default(PoolTurn);
            }
            while (ThreadPool.PendingWorkItemCount > 0);
            cancellationToken.ThrowIfCancellationRequested();
            if (enough?.Invoke() == true)
                return true;
            if (!FireNext(limit))
                return false;
        }
    }

    private (VirtualTimer Timer, DateTimeOffset Due)? Peek()
    {
        while (queue.TryPeek(out var entry, out var priority))
        {
            if (entry.Timer.Order == entry.Order)
                return (entry.Timer, priority.Due);
            queue.Dequeue(); // changed or disposed of since
        }
        return null;
    }

    /// <summary>Called with the lock held.</summary>
    private void Schedule(VirtualTimer timer, TimeSpan delay)
    {
        timer.Order = ++order;
        if (delay != Timeout.InfiniteTimeSpan)
            queue.Enqueue((timer, order), (now + delay, order));
    }

    private sealed class VirtualTimer(VirtualTime time, TimerCallback callback, object? state) : ITimer
    {
        private bool disposed;

        public TimeSpan Period { get; private set; } = Timeout.InfiniteTimeSpan;

        /// <summary>Which of the timer's settings holds: entries of former ones are passed over.</summary>
        public long Order { get; set; }

        public void Fire() => callback(state);

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            lock (time.gate)
            {
                if (disposed)
                    return false;
                Period = period == TimeSpan.Zero ? Timeout.InfiniteTimeSpan : period;
                time.Schedule(this, dueTime);
                return true;
            }
        }

        public void Dispose()
        {
            lock (time.gate)
            {
                disposed = true;
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

    /// <summary>Goes on on the thread pool, behind all that is queued there.</summary>
    private readonly struct PoolTurn : INotifyCompletion
    {
        public bool IsCompleted => false;

        public PoolTurn GetAwaiter() => this;

        public void GetResult()
        {
        }

        public void OnCompleted(Action continuation) =>
            ThreadPool.QueueUserWorkItem(static next => next(), continuation, preferLocal: false);
    }
}
