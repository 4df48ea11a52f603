using Microsoft.Extensions.Logging;

namespace CvManager.Scheduling;

/// <summary>Works on what is in a <see cref="WorkQueue"/>.</summary>
internal static partial class Workers
{
    /// <summary>
    /// Works with <paramref name="count"/> workers until the queue is shut down (what is worked on is finished) or the token is
    /// cancelled (what is worked on is told so, and awaited). Work that throws has failed: it is logged, and tried again by the queue's
    /// back-off. Never throws but for arguments.
    /// </summary>
    /// <param name="queue">Where the keys come from.</param>
    /// <param name="count">From 1. Work mostly waits for others, so this may be well above the number of processors.</param>
    /// <param name="work">Called concurrently, for one key at most once at a time.</param>
    /// <param name="logger">Gets what work throws.</param>
    /// <param name="cancellationToken">Ends the workers; handed on to the work.</param>
    public static Task RunAsync(
        WorkQueue queue,
        int count,
        Func<string, CancellationToken, Task<WorkResult>> work,
        ILogger logger,
        CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        return Task.WhenAll(Enumerable.Range(0, count).Select(_ => RunOneAsync(queue, work, logger, cancellationToken)).ToArray());
    }

    private static async Task RunOneAsync(
        WorkQueue queue,
        Func<string, CancellationToken, Task<WorkResult>> work,
        ILogger logger,
        CancellationToken cancellationToken)
    {
        try
        {
            while (await queue.DequeueAsync(cancellationToken).ConfigureAwait(false) is { } key)
            {
                WorkResult result = WorkResult.Failed;
                try
                {
                    result = await work(key, cancellationToken).ConfigureAwait(false);
                }
                catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
                {
                    // Not the key's fault.
                    result = WorkResult.ComeAgain(TimeSpan.Zero);
                }
                catch (Exception error)
                {
                    LogFailed(logger, key, ErrorIds.UnexpectedError, "It is retried. Report this defect.", error);
                }
                finally
                {
                    queue.Complete(key, result);
                }
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
        }
    }

    [LoggerMessage(EventId = LogEvents.WorkFailed, EventName = nameof(LogEvents.WorkFailed), Level = LogLevel.Error, Message = "{Resource}: unexpected error ({ErrorId}). {Remedy}")]
    private static partial void LogFailed(ILogger logger, string resource, string errorId, string remedy, Exception error);
}
