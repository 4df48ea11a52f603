using CvManager.Resources;
using CvManager.Rollouts;
using CvManager.Support.Clocks;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace CvManager.Unit.Rollouts;

/// <summary>Deadlines are absolute times in the status. A change of the clock does not change how long they take.</summary>
public sealed class RolloutClockTests
{
    private const string Key = "default/app";
    private const int Timeout = 300;

    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 1, 1, 12, 0, 0, TimeSpan.Zero));
    private readonly JumpingClock _wall;
    private readonly RolloutClock _clock;

    public RolloutClockTests()
    {
        _wall = new JumpingClock(_time);
        _clock = new RolloutClock(_wall);
    }

    [Fact]
    public void Elapsed_time_does_not_shift_the_deadline()
    {
        var rollout = Begun();
        for (var i = 0; i < 60; i++)
        {
            _time.Advance(TimeSpan.FromSeconds(4.9));
            Assert.Equal(rollout, _clock.Measure(Key, rollout, Timeout));
        }
    }

    [Theory]
    [InlineData(3)]
    [InlineData(-3)]
    public void A_change_of_the_clock_shifts_the_deadline(int hours)
    {
        var rollout = Begun();
        _clock.Measure(Key, rollout, Timeout);
        _time.Advance(TimeSpan.FromSeconds(100));
        _wall.WallClockAhead = TimeSpan.FromHours(hours);

        var measured = _clock.Measure(Key, rollout, Timeout);

        Assert.Equal(TimeSpan.FromSeconds(200), measured.Deadline - _clock.Now());
        // It is shifted only once, whether or not it was written.
        Assert.Equal(measured.Deadline, _clock.Measure(Key, rollout, Timeout).Deadline);
        Assert.Equal(measured.Deadline, _clock.Measure(Key, measured, Timeout).Deadline);
        Assert.Equal(measured.Deadline, _clock.Measure(Key, measured, Timeout).Deadline);
    }

    [Fact]
    public void Small_adjustments_by_NTP_are_ignored_until_they_add_up()
    {
        var rollout = Begun();
        _clock.Measure(Key, rollout, Timeout);
        for (var i = 1; i <= 4; i++)
        {
            _wall.WallClockAhead = TimeSpan.FromSeconds(i * 2);
            Assert.Equal(rollout, _clock.Measure(Key, rollout, Timeout));
        }

        _wall.WallClockAhead = TimeSpan.FromSeconds(12);
        Assert.Equal(rollout.Deadline + TimeSpan.FromSeconds(12), _clock.Measure(Key, rollout, Timeout).Deadline);
    }

    [Fact]
    public void An_interruption_does_not_count_however_many_steps_fail_during_it()
    {
        var rollout = Begun();
        _clock.Measure(Key, rollout, Timeout);
        for (var i = 0; i < 10; i++)
        {
            _clock.Interrupt(Key);
            _time.Advance(TimeSpan.FromMinutes(2));
            _clock.Measure(Key, rollout, Timeout);
        }

        var measured = _clock.Measure(Key, rollout, Timeout);
        Assert.Equal(TimeSpan.FromSeconds(Timeout), measured.Deadline - _clock.Now());
        // Afterwards, time counts again.
        _time.Advance(TimeSpan.FromSeconds(40));
        Assert.Equal(TimeSpan.FromSeconds(Timeout - 40), _clock.Measure(Key, measured, Timeout).Deadline - _clock.Now());
    }

    [Fact]
    public void A_new_deadline_is_not_shifted()
    {
        var rollout = Begun();
        _clock.Measure(Key, rollout, Timeout);
        _wall.WallClockAhead = TimeSpan.FromHours(1);
        _clock.Measure(Key, rollout, Timeout);

        var next = rollout with { Phase = RolloutPhase.RollingBack, Deadline = _clock.Now().AddSeconds(Timeout) };
        Assert.Equal(next, _clock.Measure(Key, next, Timeout));
    }

    [Fact]
    public void Gates_and_the_cut_over_are_shifted_with_the_deadline()
    {
        var rollout = Begun() with
        {
            Gates = [Gate(RolloutPhase.Succeeded), Gate(RolloutPhase.Progressing)],
            BlueGreen = new BlueGreenStatus { CutOverAt = _clock.Now() },
        };
        _clock.Measure(Key, rollout, Timeout);
        _wall.WallClockAhead = TimeSpan.FromHours(-3);

        var measured = _clock.Measure(Key, rollout, Timeout);

        Assert.Equal(rollout.Gates![0], measured.Gates![0]);
        Assert.Equal(_clock.Now(), measured.Gates![1].StartedAt);
        Assert.Equal(_clock.Now(), measured.BlueGreen!.CutOverAt);

        GateStatus Gate(string phase) => new() { Phase = phase, StartedAt = _clock.Now() };
    }

    [Fact]
    public void After_a_restart_all_times_are_capped_at_their_maximum()
    {
        var rollout = Begun() with { BlueGreen = new BlueGreenStatus { CutOverAt = _clock.Now() } };
        _wall.WallClockAhead = TimeSpan.FromHours(-3);

        var measured = new RolloutClock(_wall).Measure(Key, rollout, Timeout);

        Assert.Equal(_clock.Now().AddSeconds(Timeout), measured.Deadline);
        Assert.Equal(_clock.Now(), measured.BlueGreen!.CutOverAt);
    }

    [Fact]
    public void All_rollouts_together_list_evidence_at_a_limited_rate()
    {
        EvidenceRateLimiter pace = new(_wall);
        Assert.Equal(20, Enumerable.Range(0, 1000).Count(_ => pace.TryTake()));
        _time.Advance(TimeSpan.FromSeconds(0.5));
        _wall.WallClockAhead = TimeSpan.FromHours(-3);
        Assert.Equal(10, Enumerable.Range(0, 1000).Count(_ => pace.TryTake()));
        _time.Advance(TimeSpan.FromHours(1));
        Assert.Equal(20, Enumerable.Range(0, 1000).Count(_ => pace.TryTake()));
    }

    private RolloutStatus Begun() =>
        new()
        {
            Id = "one",
            Phase = RolloutPhase.Progressing,
            StartedAt = _clock.Now(),
            Deadline = _clock.Now().AddSeconds(Timeout),
        };
}
