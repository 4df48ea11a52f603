using CvManager.Sandbox;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace CvManager.Unit.Sandbox;

public sealed class EventLoopTests : IDisposable
{
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(1);

    private readonly FakeTimeProvider _time = new();
    private readonly EventLoop _loop;
    private readonly List<string> _done = [];

    public EventLoopTests() => _loop = new EventLoop(_time);

    public void Dispose() => _loop.Dispose();

    [Fact]
    public void An_action_due_at_once_does_not_run_inside_Post()
    {
        object gate = new();
        var held = false;

        lock (gate)
        {
            _loop.Post(
                TimeSpan.Zero,
                () =>
                {
                    held = Monitor.IsEntered(gate);
                    _done.Add("now");
                }
            );
            Assert.Empty(_done);
        }

        _time.Advance(Tick);
        Assert.Equal(["now"], _done);
        Assert.False(held);
    }

    [Fact]
    public void Actions_posted_by_an_action_run_after_it_and_in_order()
    {
        _loop.Post(
            TimeSpan.Zero,
            () =>
            {
                _loop.Post(TimeSpan.Zero, () => _done.Add("inner"));
                _done.Add("outer");
            }
        );
        _loop.Post(TimeSpan.Zero, () => _done.Add("second"));

        _time.Advance(Tick);

        Assert.Equal(["outer", "second", "inner"], _done);
    }

    [Fact]
    public void Actions_run_in_order_of_due_time_and_not_before_it()
    {
        _loop.Post(Tick * 20, () => _done.Add("late"));
        _loop.Post(Tick * 10, () => _done.Add("early"));
        using var cancelled = _loop.Post(Tick * 10, () => _done.Add("cancelled"));
        cancelled.Dispose();

        _time.Advance(Tick * 9);
        Assert.Empty(_done);
        _time.Advance(Tick);
        Assert.Equal(["early"], _done);
        _time.Advance(Tick * 10);
        Assert.Equal(["early", "late"], _done);
    }

    [Fact]
    public void An_exception_of_an_action_is_recorded_and_the_next_action_runs()
    {
        _loop.Post(TimeSpan.Zero, () => throw new InvalidOperationException("broken"));
        _loop.Post(TimeSpan.Zero, () => _done.Add("next"));

        _time.Advance(Tick);

        Assert.Equal(["next"], _done);
        Assert.Equal("broken", Assert.Single(_loop.Errors).Message);
    }
}
