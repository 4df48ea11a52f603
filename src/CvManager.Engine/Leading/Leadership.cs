namespace CvManager.Leading;

/// <summary>
/// A term as leader: the right to change the cluster. Thread-safe.
/// </summary>
/// <remarks>
/// <para>A term ends by the clock, independently of the network, before another process can acquire the lease. The monotonic clock stops
/// while the machine sleeps, and the wall clock may be set back: the larger of the two elapsed times counts. (A wall clock that is set
/// forward ends the term early and costs an election.)</para>
/// <para>The timer that ends a term may fire late, for example in a process that was stopped. <see cref="ThrowIfLost"/> is therefore called
/// right before each change is sent.</para>
/// </remarks>
internal sealed class Leadership
{
    private readonly object _gate = new();
    private readonly TimeProvider _time;
    private readonly CancellationTokenSource _source;
    private readonly CancellationToken _lost;
    private LeaseMoment _since;
    private TimeSpan _length;

    /// <param name="time">The clock.</param>
    /// <param name="since">The moment from which the term is measured.</param>
    /// <param name="length">The length of the term.</param>
    /// <param name="lost">Cancelled when the term ends.</param>
    public Leadership(TimeProvider time, LeaseMoment since, TimeSpan length, CancellationTokenSource lost)
    {
        _time = time;
        _source = lost;
        _lost = lost.Token;
        (_since, _length) = (since, length);
    }

    /// <summary>True while no other process can be the leader.</summary>
    public bool IsHeld
    {
        get
        {
            lock (_gate)
                return !_lost.IsCancellationRequested && _since.Elapsed(_time) < _length;
        }
    }

    /// <summary>The check before each change.</summary>
    /// <exception cref="OperationCanceledException">The lease has expired; the leader's token has been cancelled.</exception>
    public void ThrowIfLost()
    {
        if (IsHeld)
            return;
        End();
        throw new OperationCanceledException("The lease has expired.", _lost);
    }

    /// <summary>Extends the term after a renewal.</summary>
    internal void HoldFrom(LeaseMoment since)
    {
        lock (_gate)
            _since = since;
    }

    /// <summary>Ends the term: no change is sent any more.</summary>
    internal void End()
    {
        lock (_gate)
            _length = TimeSpan.Zero;
        try
        {
            _source.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // The term is already over; a late change was attempted.
        }
    }
}

/// <summary>A moment, by the machine's monotonic clock and its wall clock.</summary>
internal readonly record struct LeaseMoment(long Timestamp, DateTimeOffset Wall)
{
    public static LeaseMoment Now(TimeProvider time) => new(time.GetTimestamp(), time.GetUtcNow());

    /// <summary>The elapsed time: the larger of the two clocks' values.</summary>
    public TimeSpan Elapsed(TimeProvider time)
    {
        var monotonic = time.GetElapsedTime(Timestamp);
        var wall = time.GetUtcNow() - Wall;
        return wall > monotonic ? wall : monotonic;
    }
}
