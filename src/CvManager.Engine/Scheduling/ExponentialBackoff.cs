namespace CvManager.Scheduling;

/// <summary>
/// Delays that double with each consecutive failure, up to a cap, with jitter: each delay is between half of its nominal length and
/// the nominal length, so that work that failed together is not retried together.
/// </summary>
/// <param name="Initial">Nominal delay after the first failure; more than zero.</param>
/// <param name="Cap">The longest delay; not less than <paramref name="Initial"/>.</param>
internal readonly record struct ExponentialBackoff(TimeSpan Initial, TimeSpan Cap)
{
    /// <param name="failures">Consecutive failures, from 1.</param>
    /// <param name="random">Not used by other threads during the call, unless it is <see cref="Random.Shared"/>.</param>
    public TimeSpan After(int failures, Random random)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(failures, 1);
        // 2^62 does not overflow a double, and exceeds every cap.
        var nominal = Math.Min(Initial.Ticks * Math.Pow(2, Math.Min(failures - 1, 62)), Cap.Ticks);
        return TimeSpan.FromTicks((long)(nominal * (0.5 + (random.NextDouble() / 2))));
    }
}
