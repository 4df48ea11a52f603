using CvManager.Scheduling;
using CvManager.Support.Clocks;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace CvManager.Unit.Scheduling;

public sealed class SupervisorTests : IDisposable
{
    private readonly FakeTimeProvider _time = new();
    private readonly CountingLog _log = new();
    private readonly Supervisor _supervisor;
    private readonly CancellationTokenSource _stop = new();

    public SupervisorTests() => _supervisor = new Supervisor(new(_time, _log) { Random = new WidestJitter() });

    public void Dispose() => _stop.Dispose();

    [Fact]
    public async Task A_task_that_throws_is_restarted_after_a_backoff_and_each_cause_is_logged_once()
    {
        var runs = 0;
        var running = _supervisor.RunAsync(
            "watch",
            token =>
                ++runs switch
                {
                    1 or 2 or 3 => throw new InvalidOperationException("broken"),
                    4 => throw new FormatException("another cause"),
                    _ => Forever(token),
                },
            _stop.Token
        );

        Assert.Equal(1, runs);
        Pass(TimeSpan.FromMinutes(2));
        Assert.Equal(5, runs);
        Assert.Equal(4, _supervisor.Restarts);
        Assert.Equal([4002, 4002], _log.Events);

        await _stop.CancelAsync();
        await running;
    }

    [Fact]
    public async Task An_unrequested_cancellation_does_not_end_a_task()
    {
        var runs = 0;
        var running = _supervisor.RunAsync(
            "poller",
            token => ++runs == 1 ? throw new OperationCanceledException() : Forever(token),
            _stop.Token
        );
        Pass(TimeSpan.FromSeconds(2));

        Assert.Equal(2, runs);
        await _stop.CancelAsync();
        await running;
    }

    [Fact]
    public async Task A_task_that_keeps_failing_is_restarted_no_more_often_than_the_backoff_allows()
    {
        var runs = 0;
        var running = _supervisor.RunAsync(
            "elector",
            _ =>
            {
                runs++;
                throw new InvalidOperationException("broken");
            },
            _stop.Token
        );
        Pass(TimeSpan.FromHours(1));

        Assert.InRange(runs, 100, 130);
        Assert.Single(_log.Events);
        await _stop.CancelAsync();
        await running;
    }

    [Fact]
    public async Task A_task_counts_as_failing_after_ten_failures_in_a_row_until_a_run_lasts()
    {
        var broken = true;
        var running = _supervisor.RunAsync(
            "tag poller",
            token => broken ? throw new InvalidOperationException("broken") : Forever(token),
            _stop.Token
        );
        while (_supervisor.Restarts < 9)
            Pass(TimeSpan.FromSeconds(1));
        Assert.Null(_supervisor.FindFailing());
        Pass(TimeSpan.FromHours(1));
        Assert.Equal("tag poller", _supervisor.FindFailing());

        broken = false;
        Pass(TimeSpan.FromMinutes(2));
        Assert.Null(_supervisor.FindFailing());
        await _stop.CancelAsync();
        await running;
    }

    [Fact]
    public async Task A_task_that_fails_now_and_then_does_not_count_as_failing()
    {
        var running = _supervisor.RunAsync(
            "watch",
            async token =>
            {
                await Task.Delay(TimeSpan.FromMinutes(1), _time, token);
                throw new InvalidOperationException("broken");
            },
            _stop.Token
        );
        while (_supervisor.Restarts < 20)
        {
            Pass(TimeSpan.FromSeconds(10));
            Assert.Null(_supervisor.FindFailing());
            await Task.Yield();
        }

        await _stop.CancelAsync();
        await running;
    }

    [Fact]
    public async Task A_task_that_returns_on_its_own_fails_with_ControllerTaskEnded()
    {
        var error = await Assert.ThrowsAsync<CvException>(() => _supervisor.RunAsync("worker", _ => Task.CompletedTask, _stop.Token));

        Assert.Equal("ControllerTaskEnded", error.ErrorId);
        Assert.Equal("worker", error.Target);
    }

    private static Task Forever(CancellationToken token) => new TaskCompletionSource().Task.WaitAsync(token);

    private void Pass(TimeSpan time)
    {
        for (var passed = TimeSpan.Zero; passed < time; passed += TimeSpan.FromSeconds(1))
            _time.Advance(TimeSpan.FromSeconds(1));
    }

    private sealed class CountingLog : ILogger
    {
        public List<int> Events { get; } = [];

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(
            LogLevel logLevel,
            EventId eventId,
            TState state,
            Exception? exception,
            Func<TState, Exception?, string> formatter
        ) => Events.Add(eventId.Id);
    }
}
