using Polly;
using Polly.Retry;

namespace CvManager.Records;

/// <summary>Retries of writes to objects that other clients write as well.</summary>
internal static class RecordRetries
{
    /// <summary>Of several concurrent writers one always succeeds, so that this many writers always succeed.</summary>
    private const int MaxConflicts = 12;

    /// <summary>For a failing API server: the caller keeps what is still to be written, and retries later.</summary>
    private const int MaxFailures = 2;

    /// <param name="time">The clock of the delays.</param>
    /// <param name="random">The source of jitter.</param>
    public static ResiliencePipeline Create(TimeProvider time, Random random) =>
        new ResiliencePipelineBuilder { TimeProvider = time }
            .AddRetry(
                Strategy(
                    MaxConflicts,
                    TimeSpan.FromMilliseconds(20),
                    random,
                    e => e.ErrorId is ErrorIds.ResourceConflict or ErrorIds.ResourceAlreadyExists
                )
            )
            .AddRetry(
                Strategy(MaxFailures, TimeSpan.FromMilliseconds(200), random, e => e.IsTransient && e.ErrorId != ErrorIds.HistoryFull)
            )
            .Build();

    private static RetryStrategyOptions Strategy(int attempts, TimeSpan delay, Random random, Func<CvException, bool> handles) =>
        new()
        {
            MaxRetryAttempts = attempts,
            Delay = delay,
            MaxDelay = TimeSpan.FromSeconds(1),
            BackoffType = DelayBackoffType.Exponential,
            UseJitter = true,
            Randomizer = random.NextDouble,
            ShouldHandle = arguments => ValueTask.FromResult(arguments.Outcome.Exception is CvException e && handles(e)),
        };
}
