using System.Diagnostics.CodeAnalysis;

namespace CvManager.Scheduling;

/// <summary>
/// The keys (namespace/name) to work on. The queue holds keys and never objects, so that a worker always reads the current state.
/// </summary>
/// <remarks>
/// <para>Contract:</para>
/// <list type="bullet">
/// <item>A key is in the queue at most once, with one due time: the earliest that was requested.</item>
/// <item>Between <see cref="DequeueAsync"/> and <see cref="Complete"/> a key belongs to one worker. Requests that arrive in that time take
/// effect after <see cref="Complete"/>; the work satisfies earlier requests.</item>
/// <item>Keys come out ordered by due time, then by time of request. A key that is requested again queues behind the waiting ones, and
/// a key that fails waits separately, so that neither a busy nor a failing key delays another.</item>
/// <item>A failure increases the key's backoff; success and "requeue after" reset it. A new request shortens a backoff, but never
/// below half of its initial length, so that work that fails and triggers its own events cannot spin.</item>
/// <item>Nothing is kept about a key that is neither queued nor in work: memory is proportional to the number of keys in the queue.</item>
/// <item>Delays are measured on the monotonic clock: changes of the wall clock have no effect.</item>
/// </list>
/// <para>All members may be called from any thread, including from a continuation of <see cref="DequeueAsync"/>. Callbacks and
/// continuations never run under the queue's lock.</para>
/// </remarks>
internal sealed class WorkQueue : IDisposable
{
    // ITimer is limited to less than 2^32 ms. Waking up once a day costs nothing.
    private static readonly TimeSpan MaxTimer = TimeSpan.FromDays(1);

    private readonly object _gate = new();
    private readonly TimeProvider _time;
    private readonly EngineEnvironment _environment;
    private readonly ExponentialBackoff _backoff;
    private readonly string _name;
    private readonly EngineMetrics? _metrics;
    private readonly Dictionary<string, Entry> _entries = new(StringComparer.Ordinal);
    private readonly SortedSet<Entry> _schedule = new(ByDueTime.Instance);
    private readonly LinkedList<Waiter> _waiters = new();
    private readonly ITimer _timer;
    private long _armedFor = long.MaxValue;
    private long _sequence;
    private int _working;
    private TaskCompletionSource? _drained;

    /// <param name="environment">The clock, and the source of jitter.</param>
    /// <param name="backoff">How long a key waits after it failed; null for 1 second to 5 minutes.</param>
    /// <param name="name">The name in the metrics; empty to measure nothing.</param>
    public WorkQueue(EngineEnvironment environment, ExponentialBackoff? backoff = null, string name = "")
    {
        _name = name;
        _metrics = name.Length == 0 ? null : environment.Metrics;
        _environment = environment;
        _time = environment.Time;
        _backoff = backoff ?? new ExponentialBackoff(TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(5));
        _timer = _time.CreateTimer(static state => ((WorkQueue)state!).OnTimer(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>The number of queued keys, due or not.</summary>
    public int Waiting
    {
        get
        {
            lock (_gate)
                return _schedule.Count;
        }
    }

    /// <summary>The number of queued keys that are due.</summary>
    public int Due
    {
        get
        {
            lock (_gate)
            {
                var now = _time.GetTimestamp();
                return _schedule.TakeWhile(entry => entry.Due <= now).Count();
            }
        }
    }

    /// <summary>The number of keys in work.</summary>
    public int Working
    {
        get
        {
            lock (_gate)
                return _working;
        }
    }

    /// <summary>How long the next key has been due; zero if none is. Grows when there are too few workers.</summary>
    public TimeSpan Lag
    {
        get
        {
            lock (_gate)
            {
                return _schedule.Min is { } next && next.Due < _time.GetTimestamp() ? _time.GetElapsedTime(next.Due) : TimeSpan.Zero;
            }
        }
    }

    /// <summary>Makes the key due now. Ignored after shutdown, like every addition.</summary>
    public void Enqueue(string key) => Add(key, TimeSpan.Zero);

    /// <summary>Makes the key due after this time at the latest.</summary>
    public void EnqueueAfter(string key, TimeSpan delay) => Add(key, delay);

    /// <summary>Waits for the next due key; the caller must call <see cref="Complete"/> for it. Null after shutdown.</summary>
    /// <exception cref="OperationCanceledException">The token was cancelled before a key was taken.</exception>
    public Task<string?> DequeueAsync(CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        Waiter waiter;
        lock (_gate)
        {
            if (_drained is not null)
                return Task.FromResult<string?>(null);
            // If there are waiters, no key is due.
            if (_waiters.Count == 0 && TryTake(out var key))
                return Task.FromResult<string?>(key);
            waiter = new Waiter(this, _environment.AllowSynchronousContinuations);
            _waiters.AddLast(waiter.Node);
            Arm();
        }

        if (cancellationToken.CanBeCanceled)
            waiter.CancelWith(cancellationToken);
        return waiter.Task;
    }

    /// <summary>Returns a key after the work on it.</summary>
    /// <exception cref="InvalidOperationException">The key is not in work.</exception>
    public void Complete(string key, WorkResult result)
    {
        List<(Waiter, string)>? handed = null;
        TaskCompletionSource? end = null;
        lock (_gate)
        {
            if (!_entries.TryGetValue(key, out var entry) || !entry.Working)
                throw new InvalidOperationException($"The key '{key}' is not being processed.");
            entry.Working = false;
            _working--;
            _metrics?.Worked(_name, _time.GetElapsedTime(entry.TakenAt));
            if (_drained is not null)
            {
                _entries.Remove(key);
                if (_working == 0)
                    end = _drained;
            }
            else
            {
                Settle(entry, result);
                handed = Hand();
            }
        }

        Resume(handed);
        end?.TrySetResult();
    }

    /// <summary>
    /// Stops accepting and handing out keys: queued keys are dropped (the work to do is in the cluster, R10), and waiters in
    /// <see cref="DequeueAsync"/> get null. The task completes when all keys in work are completed.
    /// </summary>
    public Task ShutDownAsync(CancellationToken cancellationToken)
    {
        Task end;
        List<Waiter> released;
        lock (_gate)
        {
            if (_drained is null)
            {
                _drained = new TaskCompletionSource(ContinuationOptions);
                foreach (var entry in _schedule)
                    _entries.Remove(entry.Key);
                _schedule.Clear();
                if (_working == 0)
                    _drained.SetResult();
            }

            released = [.. _waiters];
            _waiters.Clear();
            end = _drained.Task;
        }

        foreach (var waiter in released)
            waiter.SetResult(null);
        return end.WaitAsync(cancellationToken);
    }

    /// <summary>Stops the timer. Call <see cref="ShutDownAsync"/> first: remaining waiters wait until they are cancelled.</summary>
    public void Dispose() => _timer.Dispose();

    private TaskCreationOptions ContinuationOptions =>
        _environment.AllowSynchronousContinuations ? TaskCreationOptions.None : TaskCreationOptions.RunContinuationsAsynchronously;

    private void Add(string key, TimeSpan delay)
    {
        ArgumentException.ThrowIfNullOrEmpty(key);
        List<(Waiter, string)>? handed;
        lock (_gate)
        {
            if (_drained is not null)
                return;
            if (!_entries.TryGetValue(key, out var entry))
                _entries.Add(key, entry = new Entry(key));
            Request(entry, Math.Max(DueIn(delay), entry.NotBefore));
            handed = Hand();
        }

        Resume(handed);
    }

    /// <summary>Makes the key due at that time, unless it is due earlier.</summary>
    private void Request(Entry entry, long due)
    {
        if (due >= entry.Due)
            return;
        if (!entry.Working && !_schedule.Remove(entry))
            _metrics?.Queued(_name);
        entry.Due = due;
        entry.Sequence = ++_sequence;
        if (!entry.Working)
            _schedule.Add(entry);
    }

    private void Settle(Entry entry, WorkResult result)
    {
        // Requested while in work: its place in the queue is that of the request.
        if (entry.Due != long.MaxValue)
        {
            _schedule.Add(entry);
            _metrics?.Queued(_name);
        }

        if (!result.IsFailure)
        {
            entry.Failures = 0;
            entry.NotBefore = 0;
            if (result.RequeueDelay is { } again)
                Request(entry, DueIn(again));
        }
        else
        {
            entry.Failures = Math.Min(entry.Failures + 1, 1000);
            _metrics?.Retried(_name);
            entry.NotBefore = DueIn(_backoff.Initial / 2);
            if (entry.Due < entry.NotBefore)
            {
                _schedule.Remove(entry);
                entry.Due = entry.NotBefore;
                _schedule.Add(entry);
            }

            Request(entry, DueIn(_backoff.After(entry.Failures, _environment.Random)));
        }

        if (entry.Due == long.MaxValue)
            _entries.Remove(entry.Key);
    }

    private bool TryTake([NotNullWhen(true)] out string? key)
    {
        key = null;
        if (_schedule.Min is not { } entry || entry.Due > _time.GetTimestamp())
            return false;
        _schedule.Remove(entry);
        _metrics?.Dequeued(_name, _time.GetElapsedTime(entry.Due));
        entry.TakenAt = _time.GetTimestamp();
        entry.Due = long.MaxValue;
        entry.Working = true;
        _working++;
        key = entry.Key;
        return true;
    }

    /// <summary>Matches due keys with waiters, in order. The caller resumes the waiters outside the lock.</summary>
    private List<(Waiter, string)>? Hand()
    {
        List<(Waiter, string)>? handed = null;
        while (_waiters.First is { } first && TryTake(out var key))
        {
            _waiters.RemoveFirst();
            (handed ??= []).Add((first.Value, key));
        }

        Arm();
        return handed;
    }

    private static void Resume(List<(Waiter Waiter, string Key)>? handed)
    {
        if (handed is null)
            return;
        foreach ((var waiter, var key) in handed)
            waiter.SetResult(key);
    }

    /// <summary>Sets the timer for the next key, if there is a waiter.</summary>
    private void Arm()
    {
        if (_waiters.Count == 0 || _schedule.Min is not { } next || next.Due == _armedFor)
            return;
        _armedFor = next.Due;
        var wait = _time.GetElapsedTime(_time.GetTimestamp(), next.Due);
        // Timers truncate to whole milliseconds; round up, so that the timer does not fire too early.
        wait = TimeSpan.FromMilliseconds(Math.Max(1, Math.Ceiling(wait.TotalMilliseconds)));
        _timer.Change(wait < MaxTimer ? wait : MaxTimer, Timeout.InfiniteTimeSpan);
    }

    private void OnTimer()
    {
        List<(Waiter, string)>? handed;
        lock (_gate)
        {
            _armedFor = long.MaxValue;
            handed = Hand();
        }

        Resume(handed);
    }

    private long DueIn(TimeSpan delay)
    {
        var now = _time.GetTimestamp();
        if (delay <= TimeSpan.Zero)
            return now;
        var ticks = Math.Ceiling(delay.TotalSeconds * _time.TimestampFrequency);
        // long.MaxValue means "not requested". Integer addition: a timestamp has more digits than a double.
        return ticks < long.MaxValue / 2 - now ? now + (long)ticks : long.MaxValue / 2;
    }

    private sealed class Entry(string key)
    {
        public string Key { get; } = key;

        /// <summary>Timestamp; long.MaxValue if not requested. Never changed while the entry is in the schedule.</summary>
        public long Due { get; set; } = long.MaxValue;

        public long Sequence { get; set; }

        /// <summary>Timestamp at which a worker took it last.</summary>
        public long TakenAt { get; set; }

        public bool Working { get; set; }

        public int Failures { get; set; }

        /// <summary>Timestamp before which a new request does not shorten the backoff.</summary>
        public long NotBefore { get; set; }
    }

    private sealed class ByDueTime : IComparer<Entry>
    {
        public static readonly ByDueTime Instance = new();

        public int Compare(Entry? x, Entry? y)
        {
            var byDue = x!.Due.CompareTo(y!.Due);
            return byDue != 0 ? byDue : x.Sequence.CompareTo(y.Sequence);
        }
    }

    private sealed class Waiter
    {
        private readonly WorkQueue _queue;
        private readonly TaskCompletionSource<string?> _source;
        private CancellationTokenRegistration _registration;

        public Waiter(WorkQueue queue, bool synchronous)
        {
            _queue = queue;
            _source = new TaskCompletionSource<string?>(
                synchronous ? TaskCreationOptions.None : TaskCreationOptions.RunContinuationsAsynchronously
            );
            Node = new LinkedListNode<Waiter>(this);
        }

        public LinkedListNode<Waiter> Node { get; }

        public Task<string?> Task => _source.Task;

        public void CancelWith(CancellationToken cancellationToken)
        {
            var registered = cancellationToken.UnsafeRegister(static (state, token) => ((Waiter)state!).Cancel(token), this);
            lock (_queue._gate)
            {
                if (Node.List is not null)
                {
                    _registration = registered;
                    return;
                }
            }

            // A key was handed out before the registration was stored.
            registered.Unregister();
        }

        public void SetResult(string? key)
        {
            _registration.Unregister();
            _source.SetResult(key);
        }

        private void Cancel(CancellationToken cancellationToken)
        {
            lock (_queue._gate)
            {
                // No longer queued: it already received a key (or null after shutdown).
                if (Node.List is null)
                    return;
                _queue._waiters.Remove(Node);
            }

            _source.TrySetCanceled(cancellationToken);
        }
    }
}
