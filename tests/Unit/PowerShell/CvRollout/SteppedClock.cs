using System.Threading.Channels;
using Microsoft.Extensions.Time.Testing;

namespace CvManager.Unit.PowerShell.CvRollout;

/// <summary>A clock that a test moves step by step, in time with code that waits between two steps.</summary>
internal sealed class SteppedClock : FakeTimeProvider
{
    private readonly Channel<ITimer> _timers = Channel.CreateUnbounded<ITimer>();

    public SteppedClock()
        : base(new DateTimeOffset(2026, 1, 1, 12, 0, 0, TimeSpan.Zero)) { }

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = base.CreateTimer(callback, state, dueTime, period);
        _timers.Writer.TryWrite(timer);
        return timer;
    }

    /// <summary>Moves the clock by a step, each time that the code waits again, until a task ends or the time is up.</summary>
    public async Task RunAsync(Task until, TimeSpan step, TimeSpan limit)
    {
        for (var passed = TimeSpan.Zero; passed < limit && !until.IsCompleted; passed += step)
        {
            await Task.WhenAny(until, _timers.Reader.WaitToReadAsync().AsTask()).WaitAsync(TimeSpan.FromSeconds(30));
            while (_timers.Reader.TryRead(out _)) { }
            Advance(step);
        }
    }
}
