namespace CvManager.Rollouts;

/// <summary>
/// Limits how often pods are listed for evidence, over all rollouts in progress: a thousand simultaneous rollouts must not send a thousand
/// requests a second for what the workloads' own status reports later anyway. Thread-safe.
/// </summary>
internal sealed class EvidenceRateLimiter(TimeProvider time)
{
    /// <summary>Token bucket: the capacity, and the refill per second.</summary>
    private const int PerSecond = 20;

    private readonly object _gate = new();
    private double _left = PerSecond;
    private long _filledAt = time.GetTimestamp();

    /// <summary>True if the caller may list pods now; otherwise it tries again in its next step.</summary>
    public bool TryTake()
    {
        lock (_gate)
        {
            var now = time.GetTimestamp();
            _left = Math.Min(PerSecond, _left + (time.GetElapsedTime(_filledAt, now).TotalSeconds * PerSecond));
            _filledAt = now;
            if (_left < 1)
                return false;
            _left--;
            return true;
        }
    }
}
