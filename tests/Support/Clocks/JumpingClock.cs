namespace CvManager.Support.Clocks;

/// <summary>A clock whose wall time can be changed, while its timers and timestamps follow the inner clock.</summary>
internal sealed class JumpingClock(TimeProvider inner) : TimeProvider
{
    public TimeSpan WallClockAhead { get; set; }

    public override long TimestampFrequency => inner.TimestampFrequency;

    public override DateTimeOffset GetUtcNow() => inner.GetUtcNow() + WallClockAhead;

    public override long GetTimestamp() => inner.GetTimestamp();

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
        inner.CreateTimer(callback, state, dueTime, period);
}
