namespace CvManager.Support.Clocks;

/// <summary>
/// The clock of a process that can be stopped, as by SIGSTOP: time continues, but its timers fire only when the process runs again.
/// </summary>
internal sealed class StoppableClock(TimeProvider inner) : TimeProvider
{
    private readonly Queue<Action> _held = new();
    private bool _stopped;

    public override long TimestampFrequency => inner.TimestampFrequency;

    public override DateTimeOffset GetUtcNow() => inner.GetUtcNow();

    public override long GetTimestamp() => inner.GetTimestamp();

    public void Stop() => _stopped = true;

    /// <summary>Continues the process: first code that was ready to run, then timers that became due in the meantime.</summary>
    public void Continue(Action ready)
    {
        _stopped = false;
        ready();
        while (_held.TryDequeue(out var fire))
            fire();
    }

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
        inner.CreateTimer(
            _ =>
            {
                if (_stopped)
                    _held.Enqueue(() => callback(state));
                else
                    callback(state);
            },
            null,
            dueTime,
            period
        );
}
