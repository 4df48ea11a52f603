using Polly;
using Polly.Retry;

namespace CvManager.Records;

/// <summary>How often a write into an object that others write, too, is tried again.</summary>
internal static class RecordRetries
{
    /// <summary>Of several writers at the same time one always gets through, so that this many always do.</summary>
    private const int MostConflicts = 12;

    /// <summary>Of an API server that fails: the caller keeps what is still to be written, and comes again.</summary>
    private const int MostFailures = 2;

    /// <param name="time">The clock of the pauses.</param>
    /// <param name="random">Draws their jitter.</param>
    public static ResiliencePipeline Create(TimeProvider time, Random random) => new ResiliencePipelineBuilder { TimeProvider = time }
        .AddRetry(Strategy(MostConflicts, TimeSpan.FromMilliseconds(20), random,
            e => e.ErrorId is ErrorIds.ResourceConflict or ErrorIds.ResourceAlreadyExists))
        .AddRetry(Strategy(MostFailures, TimeSpan.FromMilliseconds(200), random, e => e.IsTransient && e.ErrorId != ErrorIds.HistoryFull))
        .Build();

    private static RetryStrategyOptions Strategy(int attempts, TimeSpan delay, Random random, Func<CvException, bool> handles) => new()
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
