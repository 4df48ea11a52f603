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

    public static ResiliencePipeline Create(EngineEnvironment environment) =>
        new ResiliencePipelineBuilder { TimeProvider = environment.Time }
            .AddRetry(
                Strategy(
                    MaxConflicts,
                    TimeSpan.FromMilliseconds(20),
                    environment.Random,
                    e => e.ErrorId is ErrorIds.ResourceConflict or ErrorIds.ResourceAlreadyExists
                )
            )
            .AddRetry(
                Strategy(
                    MaxFailures,
                    TimeSpan.FromMilliseconds(200),
                    environment.Random,
                    e => e.IsTransient && e.ErrorId != ErrorIds.HistoryFull
                )
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
