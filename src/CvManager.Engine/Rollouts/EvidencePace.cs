namespace CvManager.Rollouts;

/// <summary>
/// How often pods are listed for evidence of trouble, over all rollouts in progress: a thousand that were begun at once must not ask the API
/// server a thousand times a second for what their workloads' own status tells sooner or later. Thread-safe.
/// </summary>
internal sealed class EvidencePace(TimeProvider time)
{
    /// <summary>As many at once, and as many more each second.</summary>
    private const int PerSecond = 20;

    private readonly object _gate = new();
    private double _left = PerSecond;
    private long _filledAt = time.GetTimestamp();

    /// <summary>True where it is this one's turn; whoever is told otherwise asks again at its next step.</summary>
    public bool TryTake()
    {
        lock (_gate)
        {
            long now = time.GetTimestamp();
            _left = Math.Min(PerSecond, _left + (time.GetElapsedTime(_filledAt, now).TotalSeconds * PerSecond));
            _filledAt = now;
            if (_left < 1)
                return false;
            _left--;
            return true;
        }
    }
}
