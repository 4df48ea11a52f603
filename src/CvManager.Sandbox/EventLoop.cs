using System.Collections.Concurrent;

namespace CvManager.Sandbox;

/// <summary>
/// Runs the cluster's own activity on one logical thread: actions run one at a time in timer callbacks of the TimeProvider, ordered by due
/// time and then by posting order, and never on the posting thread. Under a virtual clock the order is repeatable. Thread-safe.
/// </summary>
internal sealed class EventLoop : IDisposable
{
    private readonly TimeProvider _time;
    private readonly object _gate = new();
    private readonly PriorityQueue<LoopEntry, (DateTimeOffset Due, long Order)> _queue = new();
    private readonly ConcurrentQueue<Exception> _errors = new();
    private readonly ITimer _timer;
    private long _order;
    private DateTimeOffset _armed = DateTimeOffset.MaxValue;
    private bool _running;
    private bool _disposed;

    public EventLoop(TimeProvider time)
    {
        _time = time;
        _timer = time.CreateTimer(_ => Pump(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Exceptions that actions threw; each is a defect of the sandbox itself.</summary>
    public IReadOnlyCollection<Exception> Errors => _errors;

    public DateTimeOffset Now => _time.GetUtcNow();

    /// <summary>Runs an action after a delay. Disposing the result cancels it.</summary>
    public LoopEntry Post(TimeSpan delay, Action action)
    {
        var entry = new LoopEntry(action);
        lock (_gate)
        {
            if (_disposed)
                return entry;
            var due = _time.GetUtcNow() + delay;
            _queue.Enqueue(entry, (due, _order++));
            if (!_running)
                Arm();
        }
        return entry;
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _disposed = true;
            _queue.Clear();
        }
        _timer.Dispose();
    }

    private void Pump()
    {
        lock (_gate)
        {
            _armed = DateTimeOffset.MaxValue;
            if (_running || _disposed)
                return;
            _running = true;
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
                _errors.Enqueue(e);
            }
        }
    }

    /// <summary>The next due entry. If none is due, arms the timer for the next one and returns null.</summary>
    private LoopEntry? Next()
    {
        lock (_gate)
        {
            while (!_disposed && _queue.TryPeek(out var entry, out var priority))
            {
                if (!entry.IsCancelled && priority.Due > _time.GetUtcNow())
                    break;
                _queue.Dequeue();
                if (!entry.IsCancelled)
                    return entry;
            }
            _running = false;
            Arm();
            return null;
        }
    }

    private void Arm()
    {
        if (_disposed || !_queue.TryPeek(out _, out var next) || next.Due >= _armed)
            return;
        _armed = next.Due;
        var delay = next.Due - _time.GetUtcNow();
        // Timers round down to whole milliseconds; one that fires early would spin until the entry is due. The delay is never zero because
        // a fake clock may fire such a timer inside Change, on the posting thread and under its locks.
        _timer.Change(TimeSpan.FromMilliseconds(Math.Max(1, Math.Ceiling(delay.TotalMilliseconds))), Timeout.InfiniteTimeSpan);
    }
}

/// <summary>One posted action.</summary>
internal sealed class LoopEntry(Action action) : IDisposable
{
    private Action? _action = action;

    public bool IsCancelled => Volatile.Read(ref _action) is null;

    public void Run() => Interlocked.Exchange(ref _action, null)?.Invoke();

    public void Dispose() => Interlocked.Exchange(ref _action, null);
}
