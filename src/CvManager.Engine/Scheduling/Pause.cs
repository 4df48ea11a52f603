namespace CvManager.Scheduling;

/// <summary>Waiting for time to pass.</summary>
internal static class Pause
{
    /// <summary>
    /// As <see cref="Task.Delay(TimeSpan, TimeProvider, CancellationToken)"/>, but says rather than throws that it was cancelled, and goes
    /// on inside the call that cancels it. (Task.Delay goes on in the thread pool then, which gives virtual time no fixed order.)
    /// </summary>
    /// <param name="time">The clock.</param>
    /// <param name="wait">Zero or less: no pause.</param>
    /// <param name="cancellationToken">Ends the pause.</param>
    /// <returns>False where the token is cancelled.</returns>
    public static async Task<bool> PauseAsync(this TimeProvider time, TimeSpan wait, CancellationToken cancellationToken)
    {
        if (wait <= TimeSpan.Zero || cancellationToken.IsCancellationRequested)
            return !cancellationToken.IsCancellationRequested;
        TaskCompletionSource<bool> end = new();
        using ITimer timer = time.CreateTimer(
            static state => ((TaskCompletionSource<bool>)state!).TrySetResult(true), end, wait, Timeout.InfiniteTimeSpan);
        CancellationTokenRegistration cancelled = cancellationToken.UnsafeRegister(
            static state => ((TaskCompletionSource<bool>)state!).TrySetResult(false), end);
        bool elapsed = await end.Task.ConfigureAwait(false);
        cancelled.Unregister();
        return elapsed;
    }
}
