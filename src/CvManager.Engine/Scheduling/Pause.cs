namespace CvManager.Scheduling;

/// <summary>Delays that do not throw.</summary>
internal static class Pause
{
    /// <summary>
    /// Like <see cref="Task.Delay(TimeSpan, TimeProvider, CancellationToken)"/>, but returns false instead of throwing when it is
    /// cancelled, and continues inside the call that cancels it. (Task.Delay continues on the thread pool, which breaks the fixed order of
    /// simulations.)
    /// </summary>
    /// <param name="time">The clock.</param>
    /// <param name="wait">Zero or less: no pause.</param>
    /// <param name="cancellationToken">Ends the pause.</param>
    /// <returns>False if the token is cancelled.</returns>
    public static async Task<bool> PauseAsync(this TimeProvider time, TimeSpan wait, CancellationToken cancellationToken)
    {
        if (wait <= TimeSpan.Zero || cancellationToken.IsCancellationRequested)
            return !cancellationToken.IsCancellationRequested;
        TaskCompletionSource<bool> end = new();
        using var timer = time.CreateTimer(
            static state => ((TaskCompletionSource<bool>)state!).TrySetResult(true),
            end,
            wait,
            Timeout.InfiniteTimeSpan
        );
        var cancelled = cancellationToken.UnsafeRegister(static state => ((TaskCompletionSource<bool>)state!).TrySetResult(false), end);
        var elapsed = await end.Task;
        cancelled.Unregister();
        return elapsed;
    }
}
