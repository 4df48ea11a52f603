using CvManager.Sandbox;
using Xunit;

namespace CvManager.Unit.Sandbox;

public sealed class VirtualTimeTests
{
    private static readonly DateTimeOffset Start = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    private readonly VirtualTime _time = new(Start);
    private readonly List<string> _fired = [];

    [Fact]
    public void Timers_fire_in_order_of_due_time_and_never_inside_the_call_that_sets_them()
    {
        using var late = Timer("late", TimeSpan.FromHours(1));
        using var first = Timer("first", TimeSpan.Zero);
        using var second = Timer("second", TimeSpan.Zero);
        Assert.Empty(_fired);
        Assert.Equal(Start, _time.NextDue);

        _time.RunUntil(Start.AddMinutes(59));
        Assert.Equal(["first 0", "second 0"], _fired);
        Assert.Equal(Start.AddMinutes(59), _time.GetUtcNow());
        _time.RunUntil(Start.AddHours(2));
        Assert.Equal("late 3600", _fired[^1]);
        Assert.Null(_time.NextDue);
    }

    [Fact]
    public void A_timer_repeats_with_its_period_until_it_is_changed_or_disposed()
    {
        var timer = Timer("tick", TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(10));
        _time.RunUntil(Start.AddSeconds(25));
        Assert.Equal(["tick 1", "tick 11", "tick 21"], _fired);

        timer.Change(TimeSpan.FromSeconds(1), Timeout.InfiniteTimeSpan);
        _time.RunUntil(Start.AddSeconds(60));
        Assert.Equal("tick 26", _fired[^1]);
        timer.Change(TimeSpan.FromSeconds(1), Timeout.InfiniteTimeSpan);
        timer.Dispose();
        _time.RunUntil(Start.AddSeconds(90));

        Assert.Equal(4, _fired.Count);
        Assert.False(timer.Change(TimeSpan.Zero, TimeSpan.Zero));
    }

    [Fact]
    public async Task A_delay_ends_at_its_virtual_time_and_a_run_ends_when_its_condition_is_met()
    {
        List<double> times = [];
        var walk = WalkAsync();

        Assert.True(await _time.RunUntilAsync(Start.AddHours(2), () => times.Count == 3, TestContext.Current.CancellationToken));
        Assert.Equal([10, 20, 30], times);
        Assert.False(await _time.RunUntilAsync(Start.AddHours(2), null, TestContext.Current.CancellationToken));
        await walk;
        Assert.Equal(5, times.Count);
        Assert.Equal(Start.AddHours(2), _time.GetUtcNow());

        async Task WalkAsync()
        {
            for (var i = 0; i < 5; i++)
            {
                await Task.Delay(TimeSpan.FromMinutes(10), _time, TestContext.Current.CancellationToken);
                times.Add((_time.GetUtcNow() - Start).TotalMinutes);
            }
        }
    }

    private ITimer Timer(string name, TimeSpan due, TimeSpan? period = null) =>
        _time.CreateTimer(
            _ => _fired.Add($"{name} {(_time.GetUtcNow() - Start).TotalSeconds}"),
            null,
            due,
            period ?? Timeout.InfiniteTimeSpan
        );
}
