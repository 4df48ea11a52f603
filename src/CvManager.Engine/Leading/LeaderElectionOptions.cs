namespace CvManager.Leading;

/// <summary>The lease and the times of an election. All replicas must use the same values.</summary>
internal sealed record LeaderElectionOptions
{
    /// <summary>The Lease's namespace.</summary>
    public required string Namespace { get; init; }

    /// <summary>The Lease's name.</summary>
    public string Name { get; init; } = "cvmanager-controller";

    /// <summary>The identity of this process: a restarted process may keep it, but no two running processes may share one.</summary>
    public required string Identity { get; init; }

    /// <summary>How long a standby waits after the last renewal that it saw; whole seconds.</summary>
    public TimeSpan LeaseDuration { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>How long after its last renewal the leader stops; less than <see cref="LeaseDuration"/>.</summary>
    public TimeSpan RenewDeadline { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>The time between two renewals; at most half of <see cref="RenewDeadline"/>.</summary>
    public TimeSpan RenewPeriod { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>The time limit of one attempt; short enough for another attempt if one hangs.</summary>
    public TimeSpan AttemptLimit => RenewDeadline / 4;

    /// <summary>The time between two attempts to acquire the lease, or to renew it after an error.</summary>
    public TimeSpan RetryPeriod { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>
    /// Returns the holder's annotations, which are written with each renewal; null for an annotation to remove. All of them are removed
    /// when the Lease is released.
    /// </summary>
    public Func<IReadOnlyDictionary<string, string?>> Annotations { get; init; } = () => new Dictionary<string, string?>();

    /// <exception cref="ArgumentException">The times contradict each other.</exception>
    public void Validate()
    {
        ArgumentException.ThrowIfNullOrEmpty(Namespace);
        ArgumentException.ThrowIfNullOrEmpty(Name);
        ArgumentException.ThrowIfNullOrEmpty(Identity);
        if (LeaseDuration.Ticks % TimeSpan.TicksPerSecond != 0)
            throw new ArgumentException($"{nameof(LeaseDuration)} ({LeaseDuration}) must be a whole number of seconds.");
        if (RenewDeadline >= LeaseDuration)
            throw new ArgumentException(
                $"{nameof(RenewDeadline)} ({RenewDeadline}) must be less than {nameof(LeaseDuration)} ({LeaseDuration})."
            );
        if (RenewPeriod > RenewDeadline / 2 || RetryPeriod > RenewPeriod || RetryPeriod <= TimeSpan.Zero)
        {
            throw new ArgumentException(
                $"{nameof(RetryPeriod)} ({RetryPeriod}) must be positive and at most {nameof(RenewPeriod)} ({RenewPeriod}), "
                    + $"which must be at most half of {nameof(RenewDeadline)} ({RenewDeadline})."
            );
        }
    }
}
