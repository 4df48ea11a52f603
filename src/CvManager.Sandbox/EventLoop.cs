using System.Collections.Concurrent;

namespace CvManager.Sandbox;

/// <summary>
/// Runs the cluster's own activity on one logical thread: actions run one at a time in timer callbacks of the TimeProvider, ordered by due
/// time and then by posting order, and never on the posting thread. Under a virtual clock the order is repeatable. Thread-safe.
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

    /// <summary>Exceptions that actions threw; each is a defect of the sandbox itself.</summary>
    public IReadOnlyCollection<Exception> Errors => errors;

    public DateTimeOffset Now => time.GetUtcNow();

    /// <summary>Runs an action after a delay. Disposing the result cancels it.</summary>
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
            catch (Exception e)
            {
                // A failing action must not stop the loop. SandboxCluster.Errors exposes the error.
                errors.Enqueue(e);
            }
        }
    }

    /// <summary>The next due entry. If none is due, arms the timer for the next one and returns null.</summary>
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
        // Timers round down to whole milliseconds; one that fires early would spin until the entry is due. The delay is never zero because
        // a fake clock may fire such a timer inside Change, on the posting thread and under its locks.
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
