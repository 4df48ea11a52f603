namespace CvManager.Scheduling;

internal static class TimeLimit
{
    /// <summary>
    /// Runs work that is told to end after a time, and waits no longer than that, even where it does not listen. Unlike
    /// <see cref="Task.WaitAsync(TimeSpan, TimeProvider, CancellationToken)"/>, whoever waits goes on inside the call that completed the work, so that
    /// simulations have one order.
    /// </summary>
    /// <exception cref="TimeoutException">The time was over first.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled first.</exception>
    public static async Task<T> RunAsync<T>(Func<CancellationToken, Task<T>> work, TimeSpan limit, TimeProvider time, CancellationToken cancellationToken)
    {
        using CancellationTokenSource end = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Task<T> task = work(end.Token);
        if (!task.IsCompleted)
        {
            TaskCompletionSource ended = new();
            using ITimer timer = time.CreateTimer(static state => ((TaskCompletionSource)state!).TrySetResult(), ended, limit, Timeout.InfiniteTimeSpan);
            using CancellationTokenRegistration cancelled = cancellationToken.UnsafeRegister(static state => ((TaskCompletionSource)state!).TrySetResult(), ended);
            _ = task.ContinueWith(static (_, state) => ((TaskCompletionSource)state!).TrySetResult(), ended,
                CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
            await ended.Task.ConfigureAwait(false);
        }

        if (task.IsCompleted)
            return await task.ConfigureAwait(false);
        Cancel(end);
        // Its outcome interests nobody any more, but is no unobserved exception.
        _ = task.ContinueWith(static ended => ended.Exception, CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted, TaskScheduler.Default);
        cancellationToken.ThrowIfCancellationRequested();
        throw new TimeoutException();
    }
    /// <summary>In the same order as all else: <see cref="CancellationTokenSource.CancelAsync"/> goes on elsewhere.</summary>
    private static void Cancel(CancellationTokenSource end) => end.Cancel();
}
