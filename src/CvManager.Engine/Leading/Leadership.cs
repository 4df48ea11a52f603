namespace CvManager.Leading;

/// <summary>
/// The right to act, for as long as it lasts. Thread-safe.
/// </summary>
/// <remarks>
/// <para>It ends before anybody else can get it: by the clock, whatever the network does. The monotonic clock stands still while the machine
/// sleeps, and the wall clock may be set back: whichever of the two has gone further counts. (A wall clock that is set forwards ends it
/// early, and costs an election.)</para>
/// <para>The timer that ends a term may fire late: a process that was stopped runs whatever was ready to run first. So
/// <see cref="ThrowIfLost"/> is asked right before each change is sent.</para>
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
    /// <param name="since">What the lease's time runs from.</param>
    /// <param name="length">How long it lasts.</param>
    /// <param name="lost">Cancelled when it is lost.</param>
    public Leadership(TimeProvider time, LeaseMoment since, TimeSpan length, CancellationTokenSource lost)
    {
        _time = time;
        _source = lost;
        _lost = lost.Token;
        (_since, _length) = (since, length);
    }

    /// <summary>True while nobody else can act.</summary>
    public bool IsHeld
    {
        get
        {
            lock (_gate)
                return !_lost.IsCancellationRequested && _since.Elapsed(_time) < _length;
        }
    }

    /// <summary>A last look before a change.</summary>
    /// <exception cref="OperationCanceledException">The lease has run out; whoever acts on it has been told.</exception>
    public void ThrowIfLost()
    {
        if (IsHeld)
            return;
        End();
        throw new OperationCanceledException("The lease has expired.", _lost);
    }

    /// <summary>It was renewed.</summary>
    internal void HoldFrom(LeaseMoment since)
    {
        lock (_gate)
            _since = since;
    }

    /// <summary>It is lost, or given back: no change is sent any more.</summary>
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
            // The term is over, and somebody who did not hear of it in time wants to change something.
        }
    }
}

/// <summary>A moment by both of a machine's clocks.</summary>
internal readonly record struct LeaseMoment(long Timestamp, DateTimeOffset Wall)
{
    public static LeaseMoment Now(TimeProvider time) => new(time.GetTimestamp(), time.GetUtcNow());

    /// <summary>How long ago it was, at the most.</summary>
    public TimeSpan Elapsed(TimeProvider time)
    {
        TimeSpan monotonic = time.GetElapsedTime(Timestamp);
        TimeSpan wall = time.GetUtcNow() - Wall;
        return wall > monotonic ? wall : monotonic;
    }
}
