using System.Collections.Concurrent;
using CvManager.Scheduling;
using CvManager.Support.Clocks;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace CvManager.Unit.Scheduling;

public sealed class WorkersTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_key_is_processed_by_one_worker_at_a_time_and_no_change_is_missed()
    {
        const int Keys = 20,
            Changes = 400;
        using WorkQueue queue = new(new(TimeProvider.System, NullLogger.Instance));
        int[] world = new int[Keys],
            seen = new int[Keys],
            inside = new int[Keys];
        var collisions = 0;

        var workers = Workers.RunAsync(
            queue,
            8,
            async (key, _) =>
            {
                var i = int.Parse(key, System.Globalization.CultureInfo.InvariantCulture);
                if (Interlocked.Increment(ref inside[i]) != 1)
                    Interlocked.Increment(ref collisions);
                var read = Volatile.Read(ref world[i]);
                await Task.Yield();
                Volatile.Write(ref seen[i], read);
                Interlocked.Decrement(ref inside[i]);
                return WorkResult.Done;
            },
            NullLogger.Instance,
            Token
        );

        await Task.WhenAll(
            Enumerable
                .Range(0, 4)
                .Select(writer =>
                    Task.Run(
                        () =>
                        {
                            Random random = new(writer);
                            for (var change = 0; change < Changes; change++)
                            {
                                var i = random.Next(Keys);
                                Interlocked.Increment(ref world[i]);
                                queue.Enqueue(i.ToString(System.Globalization.CultureInfo.InvariantCulture));
                            }
                        },
                        Token
                    )
                )
        );
        while (queue.Waiting + queue.Working > 0)
            await Task.Delay(TimeSpan.FromMilliseconds(5), Token);
        await queue.ShutDownAsync(Token);
        await workers;

        Assert.Equal(0, collisions);
        Assert.Equal(world, seen);
    }

    [Fact]
    public async Task Work_that_throws_is_retried_later_and_does_not_affect_other_keys()
    {
        FakeTimeProvider time = new();
        using WorkQueue queue = new(new(time, NullLogger.Instance) { AllowSynchronousContinuations = true, Random = new WidestJitter() });
        ConcurrentQueue<string> worked = new();
        var broken = true;
        var workers = Workers.RunAsync(
            queue,
            1,
            (key, _) =>
            {
                worked.Enqueue(key);
                return key == "bad" && broken ? throw new InvalidOperationException("broken") : Task.FromResult(WorkResult.Done);
            },
            NullLogger.Instance,
            Token
        );

        queue.Enqueue("bad");
        queue.Enqueue("good");
        Assert.Equal(["bad", "good"], worked);
        broken = false;
        time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(["bad", "good", "bad"], worked);

        await queue.ShutDownAsync(Token);
        await workers;
    }

    [Fact]
    public async Task Cancellation_cancels_and_awaits_the_work()
    {
        using WorkQueue queue = new(new(TimeProvider.System, NullLogger.Instance));
        using var cancellation = CancellationTokenSource.CreateLinkedTokenSource(Token);
        TaskCompletionSource started = new(),
            mayEnd = new();
        var workers = Workers.RunAsync(
            queue,
            2,
            async (_, token) =>
            {
                started.SetResult();
                await mayEnd.Task;
                token.ThrowIfCancellationRequested();
                return WorkResult.Done;
            },
            NullLogger.Instance,
            cancellation.Token
        );
        queue.Enqueue("a");
        await started.Task;

        await cancellation.CancelAsync();
        Assert.False(workers.IsCompleted);
        mayEnd.SetResult();

        await workers;
        Assert.Equal(0, queue.Working);
    }
}
