namespace CvManager.Scheduling;

internal static class TimeLimit
{
    /// <summary>
    /// Runs work with a time limit: cancels it when the time is up, and stops waiting even if the work ignores the cancellation. Unlike
    /// <see cref="Task.WaitAsync(TimeSpan, TimeProvider, CancellationToken)"/>, the caller continues inside the call that completed the
    /// work, so that simulations have a fixed order.
    /// </summary>
    /// <exception cref="TimeoutException">The time was up first.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled first.</exception>
    public static async Task<T> RunAsync<T>(
        Func<CancellationToken, Task<T>> work,
        TimeSpan limit,
        TimeProvider time,
        CancellationToken cancellationToken
    )
    {
        using var end = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var task = work(end.Token);
        if (!task.IsCompleted)
        {
            TaskCompletionSource ended = new();
            using var timer = time.CreateTimer(
                static state => ((TaskCompletionSource)state!).TrySetResult(),
                ended,
                limit,
                Timeout.InfiniteTimeSpan
            );
            using var cancelled = cancellationToken.UnsafeRegister(static state => ((TaskCompletionSource)state!).TrySetResult(), ended);
            _ = task.ContinueWith(
                static (_, state) => ((TaskCompletionSource)state!).TrySetResult(),
                ended,
                CancellationToken.None,
                TaskContinuationOptions.ExecuteSynchronously,
                TaskScheduler.Default
            );
            await ended.Task;
        }

        if (task.IsCompleted)
            return await task;
        Cancel(end);
        // Nothing uses the outcome any more; observe the exception.
        _ = task.ContinueWith(
            static ended => ended.Exception,
            CancellationToken.None,
            TaskContinuationOptions.OnlyOnFaulted,
            TaskScheduler.Default
        );
        cancellationToken.ThrowIfCancellationRequested();
        throw new TimeoutException();
    }

    /// <summary>
    /// Synchronous, to keep the order fixed: <see cref="CancellationTokenSource.CancelAsync"/> continues on the thread pool.
    /// </summary>
    private static void Cancel(CancellationTokenSource end) => end.Cancel();
}
