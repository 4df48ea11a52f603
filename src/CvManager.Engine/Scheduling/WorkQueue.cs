using System.Diagnostics.CodeAnalysis;

namespace CvManager.Scheduling;

/// <summary>How a <see cref="WorkQueue"/> behaves.</summary>
internal sealed record WorkQueueOptions
{
    /// <summary>How long a key that failed waits.</summary>
    public ExponentialBackoff Backoff { get; init; } = new(TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(5));

    /// <summary>Where the jitter comes from. One that is not <see cref="System.Random.Shared"/> is used by this queue alone.</summary>
    public Random Random { get; init; } = Random.Shared;

    /// <summary>
    /// For simulations: whoever waits for a key goes on inside the call or timer callback that brought it, in one fixed order, rather
    /// than on the thread pool (as <see cref="System.Threading.Channels.ChannelOptions.AllowSynchronousContinuations"/>).
    /// </summary>
    public bool AllowSynchronousContinuations { get; init; }
}

/// <summary>
/// What is to be worked on: keys (namespace/name), never objects, so that whoever works reads the world afresh.
/// </summary>
/// <remarks>
/// <para>Contract:</para>
/// <list type="bullet">
/// <item>A key is in the queue once, with one due time: the earliest that was asked for.</item>
/// <item>Between <see cref="DequeueAsync"/> and <see cref="Complete"/> a key belongs to one worker; nobody else gets it. What is asked
/// for meanwhile is kept and honoured after <see cref="Complete"/>; what was asked for before is settled by the work.</item>
/// <item>Keys come out in the order of due time, then of asking. A key that is asked for again lines up behind those that wait, and
/// one that fails waits by itself, so that neither a busy nor a failing key delays another.</item>
/// <item>A failure adds to the key's back-off, success and "come again" forget it. A new request cuts a back-off short, but never
/// below half of its initial length, so that work which fails and causes its own events cannot spin.</item>
/// <item>Nothing is kept of a key that is neither queued nor worked on: memory follows the number of keys in the queue.</item>
/// <item>Waiting times are measured on the monotonic clock: a wall clock that jumps moves nothing.</item>
/// </list>
/// <para>All members may be called from any thread, also from inside a continuation of <see cref="DequeueAsync"/>. No callback and no
/// continuation runs under the queue's lock.</para>
/// </remarks>
internal sealed class WorkQueue : IDisposable
{
    // ITimer takes less than 2^32 ms; waking once a day for nothing costs nothing.
    private static readonly TimeSpan LongestTimer = TimeSpan.FromDays(1);

    private readonly object _gate = new();
    private readonly TimeProvider _time;
    private readonly WorkQueueOptions _options;
    private readonly Dictionary<string, Entry> _entries = new(StringComparer.Ordinal);
    private readonly SortedSet<Entry> _schedule = new(ByDueTime.Instance);
    private readonly LinkedList<Waiter> _waiters = new();
    private readonly ITimer _timer;
    private long _armedFor = long.MaxValue;
    private long _sequence;
    private int _working;
    private TaskCompletionSource? _drained;

    public WorkQueue(TimeProvider time, WorkQueueOptions? options = null)
    {
        _time = time;
        _options = options ?? new WorkQueueOptions();
        _timer = _time.CreateTimer(static state => ((WorkQueue)state!).OnTimer(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Keys that wait, due or not.</summary>
    public int Waiting
    {
        get
        {
            lock (_gate)
                return _schedule.Count;
        }
    }

    /// <summary>Keys that somebody works on.</summary>
    public int Working
    {
        get
        {
            lock (_gate)
                return _working;
        }
    }

    /// <summary>How long the key that is next has been due; zero where none is. Grows where there are too few workers, or none.</summary>
    public TimeSpan Lag
    {
        get
        {
            lock (_gate)
            {
                return _schedule.Min is { } next && next.Due < _time.GetTimestamp()
                    ? _time.GetElapsedTime(next.Due)
                    : TimeSpan.Zero;
            }
        }
    }

    /// <summary>Work on it now. Passed over once the queue is shut down, as everything that adds is.</summary>
    public void Enqueue(string key) => Add(key, TimeSpan.Zero);

    /// <summary>Work on it after this time at the latest.</summary>
    public void EnqueueAfter(string key, TimeSpan delay) => Add(key, delay);

    /// <summary>Waits for the next key that is due; the caller owes a <see cref="Complete"/> for it. Null once the queue is shut down.</summary>
    /// <exception cref="OperationCanceledException">The token was cancelled, and no key was taken.</exception>
    public Task<string?> DequeueAsync(CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        Waiter waiter;
        lock (_gate)
        {
            if (_drained is not null)
                return Task.FromResult<string?>(null);
            // Where somebody waits already, nothing is due.
            if (_waiters.Count == 0 && TryTake(out string? key))
                return Task.FromResult<string?>(key);
            waiter = new Waiter(this, _options.AllowSynchronousContinuations);
            _waiters.AddLast(waiter.Node);
            Arm();
        }

        if (cancellationToken.CanBeCanceled)
            waiter.CancelWith(cancellationToken);
        return waiter.Task;
    }

    /// <summary>Gives a key back.</summary>
    /// <exception cref="InvalidOperationException">Nobody works on that key.</exception>
    public void Complete(string key, WorkResult result)
    {
        List<(Waiter, string)>? handed = null;
        TaskCompletionSource? end = null;
        lock (_gate)
        {
            if (!_entries.TryGetValue(key, out Entry? entry) || !entry.Working)
                throw new InvalidOperationException($"Nobody works on '{key}'.");
            entry.Working = false;
            _working--;
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
    /// Takes no more and gives no more: waiting keys are dropped (what is to be done is in the cluster, R10), whoever waits in
    /// <see cref="DequeueAsync"/> gets null. The task ends when the keys that are worked on are completed.
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
                foreach (Entry entry in _schedule)
                    _entries.Remove(entry.Key);
                _schedule.Clear();
                if (_working == 0)
                    _drained.SetResult();
            }

            released = [.. _waiters];
            _waiters.Clear();
            end = _drained.Task;
        }

        foreach (Waiter waiter in released)
            waiter.SetResult(null);
        return end.WaitAsync(cancellationToken);
    }

    /// <summary>Ends the timer. Whoever still waits, waits until cancelled: shut down first.</summary>
    public void Dispose() => _timer.Dispose();

    private TaskCreationOptions ContinuationOptions =>
        _options.AllowSynchronousContinuations ? TaskCreationOptions.None : TaskCreationOptions.RunContinuationsAsynchronously;

    private void Add(string key, TimeSpan delay)
    {
        ArgumentException.ThrowIfNullOrEmpty(key);
        List<(Waiter, string)>? handed;
        lock (_gate)
        {
            if (_drained is not null)
                return;
            if (!_entries.TryGetValue(key, out Entry? entry))
                _entries.Add(key, entry = new Entry(key));
            Ask(entry, Math.Max(DueIn(delay), entry.NotBefore));
            handed = Hand();
        }

        Resume(handed);
    }

    /// <summary>Notes that the key wants to be worked on at that time, unless it is to be earlier anyhow.</summary>
    private void Ask(Entry entry, long due)
    {
        if (due >= entry.Due)
            return;
        if (!entry.Working)
            _schedule.Remove(entry);
        entry.Due = due;
        entry.Sequence = ++_sequence;
        if (!entry.Working)
            _schedule.Add(entry);
    }

    private void Settle(Entry entry, WorkResult result)
    {
        // Asked for while it was worked on: the place in the line is the one of that moment.
        if (entry.Due != long.MaxValue)
            _schedule.Add(entry);

        if (!result.IsFailure)
        {
            entry.Failures = 0;
            entry.NotBefore = 0;
            if (result.Again is { } again)
                Ask(entry, DueIn(again));
        }
        else
        {
            entry.Failures = Math.Min(entry.Failures + 1, 1000);
            entry.NotBefore = DueIn(_options.Backoff.Initial / 2);
            if (entry.Due < entry.NotBefore)
            {
                _schedule.Remove(entry);
                entry.Due = entry.NotBefore;
                _schedule.Add(entry);
            }

            Ask(entry, DueIn(_options.Backoff.After(entry.Failures, _options.Random)));
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
        entry.Due = long.MaxValue;
        entry.Working = true;
        _working++;
        key = entry.Key;
        return true;
    }

    /// <summary>Matches what is due with those who wait, first to first. The caller resumes them outside the lock.</summary>
    private List<(Waiter, string)>? Hand()
    {
        List<(Waiter, string)>? handed = null;
        while (_waiters.First is { } first && TryTake(out string? key))
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
        foreach ((Waiter waiter, string key) in handed)
            waiter.SetResult(key);
    }

    /// <summary>Sets the one timer for the key that is next, where somebody waits for it.</summary>
    private void Arm()
    {
        if (_waiters.Count == 0 || _schedule.Min is not { } next || next.Due == _armedFor)
            return;
        _armedFor = next.Due;
        TimeSpan wait = _time.GetElapsedTime(_time.GetTimestamp(), next.Due);
        // Timers cut to whole milliseconds: rounded up, it does not wake too early and has to go round again.
        wait = TimeSpan.FromMilliseconds(Math.Max(1, Math.Ceiling(wait.TotalMilliseconds)));
        _timer.Change(wait < LongestTimer ? wait : LongestTimer, Timeout.InfiniteTimeSpan);
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
        long now = _time.GetTimestamp();
        if (delay <= TimeSpan.Zero)
            return now;
        double ticks = Math.Ceiling(delay.TotalSeconds * _time.TimestampFrequency);
        // The greatest value means "not asked for". Added as integers: a timestamp has more digits than a double.
        return ticks < long.MaxValue / 2 - now ? now + (long)ticks : long.MaxValue / 2;
    }

    private sealed class Entry(string key)
    {
        public string Key { get; } = key;

        /// <summary>Timestamp; the greatest value where nobody asks. Never changed while the entry is in the schedule.</summary>
        public long Due { get; set; } = long.MaxValue;

        public long Sequence { get; set; }

        public bool Working { get; set; }

        public int Failures { get; set; }

        /// <summary>Timestamp before which a new request does not cut the back-off.</summary>
        public long NotBefore { get; set; }
    }

    private sealed class ByDueTime : IComparer<Entry>
    {
        public static readonly ByDueTime Instance = new();

        public int Compare(Entry? x, Entry? y)
        {
            int byDue = x!.Due.CompareTo(y!.Due);
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
                synchronous ? TaskCreationOptions.None : TaskCreationOptions.RunContinuationsAsynchronously);
            Node = new LinkedListNode<Waiter>(this);
        }

        public LinkedListNode<Waiter> Node { get; }

        public Task<string?> Task => _source.Task;

        public void CancelWith(CancellationToken cancellationToken)
        {
            CancellationTokenRegistration registered = cancellationToken.UnsafeRegister(
                static (state, token) => ((Waiter)state!).Cancel(token), this);
            lock (_queue._gate)
            {
                if (Node.List is not null)
                {
                    _registration = registered;
                    return;
                }
            }

            // Handed out before the registration was known here.
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
                // Where it is no longer in line, it has got a key (or the end), and takes it.
                if (Node.List is null)
                    return;
                _queue._waiters.Remove(Node);
            }

            _source.TrySetCanceled(cancellationToken);
        }
    }
}
