namespace CvManager.Scheduling;

/// <summary>
/// Waiting times that double with each failure in a row, up to a cap, and are spread: each one lies between half of its nominal
/// length and the whole, so that what failed together does not come back together.
/// </summary>
/// <param name="Initial">Nominal wait after the first failure; more than zero.</param>
/// <param name="Cap">The longest wait; not less than <paramref name="Initial"/>.</param>
internal readonly record struct ExponentialBackoff(TimeSpan Initial, TimeSpan Cap)
{
    /// <param name="failures">Failures in a row, from 1.</param>
    /// <param name="random">Not shared with other threads while this runs, unless it is <see cref="Random.Shared"/>.</param>
    public TimeSpan After(int failures, Random random)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(failures, 1);
        // 2^62 overflows nothing in floating point, and is beyond every cap.
        double nominal = Math.Min(Initial.Ticks * Math.Pow(2, Math.Min(failures - 1, 62)), Cap.Ticks);
        return TimeSpan.FromTicks((long)(nominal * (0.5 + (random.NextDouble() / 2))));
    }
}
