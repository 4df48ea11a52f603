using Microsoft.Extensions.Logging;

namespace CvManager.Scheduling;

/// <summary>Processes the keys of a <see cref="WorkQueue"/>.</summary>
internal static partial class Workers
{
    /// <summary>
    /// Runs <paramref name="count"/> workers until the queue is shut down (work in progress is finished) or the token is cancelled (work in
    /// progress is cancelled and awaited). Work that throws has failed: the exception is logged, and the key is retried after the queue's
    /// backoff. Throws only for invalid arguments.
    /// </summary>
    /// <param name="queue">Where the keys come from.</param>
    /// <param name="count">At least 1. Work is mostly I/O, so this may be well above the number of processors.</param>
    /// <param name="work">Called concurrently, but for one key at most once at a time.</param>
    /// <param name="logger">Logs the exceptions of the work.</param>
    /// <param name="cancellationToken">Ends the workers; passed to the work.</param>
    public static Task RunAsync(
        WorkQueue queue,
        int count,
        Func<string, CancellationToken, Task<WorkResult>> work,
        ILogger logger,
        CancellationToken cancellationToken
    )
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        return Task.WhenAll(Enumerable.Range(0, count).Select(_ => RunOneAsync(queue, work, logger, cancellationToken)).ToArray());
    }

    private static async Task RunOneAsync(
        WorkQueue queue,
        Func<string, CancellationToken, Task<WorkResult>> work,
        ILogger logger,
        CancellationToken cancellationToken
    )
    {
        try
        {
            while (await queue.DequeueAsync(cancellationToken) is { } key)
            {
                var result = WorkResult.Failed;
                try
                {
                    result = await work(key, cancellationToken);
                }
                catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
                {
                    // A cancellation is not a failure of the key.
                    result = WorkResult.RequeueAfter(TimeSpan.Zero);
                }
                catch (Exception e)
                {
                    LogFailed(logger, key, ErrorIds.UnexpectedError, "It is retried. Report this defect.", e);
                }
                finally
                {
                    queue.Complete(key, result);
                }
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested) { }
    }

    [LoggerMessage(
        EventId = LogEvents.WorkFailed,
        EventName = nameof(LogEvents.WorkFailed),
        Level = LogLevel.Error,
        Message = "{Resource}: unexpected error ({ErrorId}). {Remedy}"
    )]
    private static partial void LogFailed(ILogger logger, string resource, string errorId, string remedy, Exception error);
}
