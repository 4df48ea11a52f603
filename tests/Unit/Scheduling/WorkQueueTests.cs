using CvManager.Scheduling;
using CvManager.Support.Clocks;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace CvManager.Unit.Scheduling;

public sealed class WorkQueueTests : IDisposable
{
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    private readonly FakeTimeProvider _time = new();
    private readonly WorkQueue _queue;

    public WorkQueueTests() =>
        _queue = new WorkQueue(
            new(_time, NullLogger.Instance) { AllowSynchronousContinuations = true, Random = new WidestJitter() },
            new ExponentialBackoff(Second, 60 * Second)
        );

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose() => _queue.Dispose();

    [Fact]
    public void Keys_come_out_once_each_in_the_order_of_the_requests()
    {
        _queue.Enqueue("a");
        _queue.Enqueue("b");
        _queue.Enqueue("a");

        Assert.Equal("a", Take());
        Assert.Equal("b", Take());
        AssertNothingDue();
    }

    [Fact]
    public void A_key_requested_during_its_work_comes_out_again_only_after_that_work()
    {
        _queue.Enqueue("a");
        Assert.Equal("a", Take());
        _queue.Enqueue("a");
        AssertNothingDue();

        _queue.Complete("a", WorkResult.Done);

        Assert.Equal("a", Take());
        _queue.Complete("a", WorkResult.Done);
        AssertNothingDue();
        Assert.Equal(0, _queue.Waiting + _queue.Working);
    }

    [Fact]
    public void A_busy_key_queues_behind_waiting_keys()
    {
        _queue.Enqueue("busy");
        Take();
        _queue.Enqueue("other");
        _queue.Enqueue("busy");
        _queue.Complete("busy", WorkResult.RequeueAfter(TimeSpan.Zero));

        Assert.Equal("other", Take());
        Assert.Equal("busy", Take());
    }

    [Fact]
    public void The_earliest_requested_time_counts()
    {
        _queue.EnqueueAfter("a", 30 * Second);
        _queue.EnqueueAfter("a", 10 * Second);
        _queue.EnqueueAfter("a", 20 * Second);
        var next = _queue.DequeueAsync(Token);

        _time.Advance(10 * Second - TimeSpan.FromMilliseconds(1));
        Assert.False(next.IsCompleted);
        _time.Advance(TimeSpan.FromMilliseconds(1));

        Assert.Equal("a", ResultOf(next));
        _queue.Complete("a", WorkResult.Done);
        Assert.Equal(0, _queue.Waiting);
    }

    [Fact]
    public void Failures_back_off_exponentially_up_to_the_cap_and_success_resets_the_backoff()
    {
        _queue.Enqueue("a");
        Take();
        Assert.Equal([1, 2, 4, 8, 16, 32, 60, 60, 60], Enumerable.Range(0, 9).Select(_ => WaitAfter(WorkResult.Failed)));

        Assert.Equal(5, WaitAfter(WorkResult.RequeueAfter(5 * Second)));
        Assert.Equal(1, WaitAfter(WorkResult.Failed));

        double WaitAfter(WorkResult result)
        {
            _queue.Complete("a", result);
            var next = _queue.DequeueAsync(Token);
            var start = _time.GetTimestamp();
            while (!next.IsCompleted)
                _time.Advance(Second / 4);
            return _time.GetElapsedTime(start).TotalSeconds;
        }
    }

    [Fact]
    public void A_request_shortens_a_backoff_but_cannot_make_a_failing_key_spin()
    {
        _queue.Enqueue("a");
        for (var i = 0; i < 8; i++)
        {
            Take();
            _queue.Enqueue("a"); // the work causes its own event
            _queue.Complete("a", WorkResult.Failed);
            AssertNothingDue();
            _time.Advance(Second / 2);
        }

        Assert.Equal("a", Take());
    }

    [Fact]
    public void A_failing_key_does_not_delay_other_keys()
    {
        _queue.Enqueue("bad");
        Take();
        _queue.Complete("bad", WorkResult.Failed);
        _queue.Enqueue("good");

        Assert.Equal("good", Take());
        AssertNothingDue();
    }

    [Fact]
    public void The_first_waiter_gets_the_first_key()
    {
        var first = _queue.DequeueAsync(Token);
        var second = _queue.DequeueAsync(Token);

        _queue.EnqueueAfter("late", 2 * Second);
        _queue.EnqueueAfter("early", Second);
        _time.Advance(2 * Second);

        Assert.Equal("early", ResultOf(first));
        Assert.Equal("late", ResultOf(second));
    }

    [Fact]
    public async Task A_cancelled_wait_takes_no_key()
    {
        using CancellationTokenSource cancellation = new();
        var cancelled = _queue.DequeueAsync(cancellation.Token);
        var patient = _queue.DequeueAsync(Token);

        await cancellation.CancelAsync();
        _queue.Enqueue("a");

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => cancelled);
        Assert.Equal("a", ResultOf(patient));
    }

    [Fact]
    public void Shutdown_drops_waiting_keys_and_ends_when_the_work_in_progress_is_completed()
    {
        _queue.Enqueue("running");
        Take();
        _queue.Enqueue("running");
        _queue.Enqueue("waiting");

        var end = _queue.ShutDownAsync(Token);
        _queue.Enqueue("too late");

        Assert.False(end.IsCompleted);
        Assert.Null(ResultOf(_queue.DequeueAsync(Token)));
        _queue.Complete("running", WorkResult.Failed);
        Assert.True(end.IsCompletedSuccessfully);
        Assert.Equal(0, _queue.Waiting + _queue.Working);
    }

    [Fact]
    public void Shutdown_releases_all_waiters()
    {
        var waiting = _queue.DequeueAsync(Token);

        Assert.True(_queue.ShutDownAsync(Token).IsCompletedSuccessfully);

        Assert.Null(ResultOf(waiting));
    }

    [Fact]
    public void A_key_that_is_not_in_work_cannot_be_completed()
    {
        _queue.Enqueue("a");

        Assert.Throws<InvalidOperationException>(() => _queue.Complete("a", WorkResult.Done));
    }

    [Fact]
    public void A_change_of_the_wall_clock_has_no_effect()
    {
        JumpingClock jumping = new(_time);
        using WorkQueue other = new(new(jumping, NullLogger.Instance));
        other.EnqueueAfter("a", 10 * Second);
        var next = other.DequeueAsync(Token);

        jumping.WallClockAhead = TimeSpan.FromHours(-3);
        _time.Advance(9 * Second);
        Assert.False(next.IsCompleted);
        jumping.WallClockAhead = TimeSpan.FromHours(3);
        Assert.False(next.IsCompleted);
        _time.Advance(Second);

        Assert.Equal("a", ResultOf(next));
    }

    [Fact]
    public void Delays_longer_than_the_maximum_of_a_timer_are_kept()
    {
        _queue.EnqueueAfter("a", TimeSpan.FromDays(100));
        _queue.EnqueueAfter("never", TimeSpan.MaxValue);
        var next = _queue.DequeueAsync(Token);

        for (var day = 0; day < 99; day++)
            _time.Advance(TimeSpan.FromDays(1));
        Assert.False(next.IsCompleted);
        _time.Advance(TimeSpan.FromDays(1));

        Assert.Equal("a", ResultOf(next));
    }

    [Fact]
    public void Lag_is_how_long_the_next_key_has_been_due()
    {
        _queue.Enqueue("a");
        _time.Advance(3 * Second);

        Assert.Equal(3 * Second, _queue.Lag);
    }

    private string Take() => ResultOf(_queue.DequeueAsync(Token)) ?? throw new InvalidOperationException("shut down");

    private void AssertNothingDue()
    {
        using CancellationTokenSource cancellation = new();
        var next = _queue.DequeueAsync(cancellation.Token);
        Assert.False(next.IsCompleted);
        cancellation.Cancel();
        Assert.True(next.IsCanceled);
    }

    private static string? ResultOf(Task<string?> task)
    {
        Assert.True(task.IsCompletedSuccessfully, "nothing was due");
#pragma warning disable xUnit1031 // It is completed.
        return task.Result;
#pragma warning restore xUnit1031
    }
}
