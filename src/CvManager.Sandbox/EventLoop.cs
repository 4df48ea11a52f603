using System.Collections.Concurrent;

namespace CvManager.Sandbox;

/// <summary>
/// The one logical thread of the cluster's own activity: actions run one at a time, by due time and then in the order they were
/// posted, in timer callbacks of the TimeProvider. Nothing runs on the thread that posts. So under a virtual clock the same posts
/// give the same order. Thread-safe.
/// </summary>
internal sealed class EventLoop : IDisposable
{
    private readonly TimeProvider time;
    private readonly object gate = new();
    private readonly PriorityQueue<LoopEntry, (DateTimeOffset Due, long Order)> queue = new();
    private readonly ConcurrentQueue<Exception> errors = new();
    private readonly ITimer timer;
    private long order;
    private DateTimeOffset armed = DateTimeOffset.MaxValue;
    private bool running;
    private bool disposed;

    public EventLoop(TimeProvider time)
    {
        this.time = time;
        timer = time.CreateTimer(_ => Pump(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>What actions threw: defects of the sandbox itself.</summary>
    public IReadOnlyCollection<Exception> Errors => errors;

    public DateTimeOffset Now => time.GetUtcNow();

    /// <summary>Runs an action after a delay. Disposing the result before that calls it off.</summary>
    public LoopEntry Post(TimeSpan delay, Action action)
    {
        var entry = new LoopEntry(action);
        lock (gate)
        {
            if (disposed)
                return entry;
            var due = time.GetUtcNow() + delay;
            queue.Enqueue(entry, (due, order++));
            if (!running)
                Arm();
        }
        return entry;
    }

    public void Dispose()
    {
        lock (gate)
        {
            disposed = true;
            queue.Clear();
        }
        timer.Dispose();
    }

    private void Pump()
    {
        lock (gate)
        {
            armed = DateTimeOffset.MaxValue;
            if (running || disposed)
                return;
            running = true;
        }
        while (Next() is LoopEntry entry)
        {
            try
            {
                entry.Run();
            }
            catch (Exception error)
            {
                // One broken action must not end the cluster's life; whoever runs it sees the error there.
                errors.Enqueue(error);
            }
        }
    }

    /// <summary>The next entry that is due; null, with the timer armed for the one after, where there is none.</summary>
    private LoopEntry? Next()
    {
        lock (gate)
        {
            while (!disposed && queue.TryPeek(out var entry, out var priority))
            {
                if (!entry.IsCancelled && priority.Due > time.GetUtcNow())
                    break;
                queue.Dequeue();
                if (!entry.IsCancelled)
                    return entry;
            }
            running = false;
            Arm();
            return null;
        }
    }

    private void Arm()
    {
        if (disposed || !queue.TryPeek(out _, out var next) || next.Due >= armed)
            return;
        armed = next.Due;
        var delay = next.Due - time.GetUtcNow();
        // Timers count whole milliseconds and round down; one that fires early would spin until it is due. And never zero: a virtual
        // clock fires such a timer inside of Change, on the thread that posts and with the locks that it holds.
        timer.Change(TimeSpan.FromMilliseconds(Math.Max(1, Math.Ceiling(delay.TotalMilliseconds))), Timeout.InfiniteTimeSpan);
    }
}

/// <summary>One posted action.</summary>
internal sealed class LoopEntry(Action action) : IDisposable
{
    private Action? action = action;

    public bool IsCancelled => Volatile.Read(ref action) is null;

    public void Run() => Interlocked.Exchange(ref action, null)?.Invoke();

    public void Dispose() => Interlocked.Exchange(ref action, null);
}
