namespace CvManager.Leading;

/// <summary>The lease, and the times of an election. Every replica uses the same ones.</summary>
internal sealed record LeaderElectionOptions
{
    /// <summary>Where the Lease is.</summary>
    public required string Namespace { get; init; }

    /// <summary>The Lease's name.</summary>
    public string Name { get; init; } = "cvmanager-controller";

    /// <summary>Who this is: a process that was restarted may have the same one, but no two have it at a time.</summary>
    public required string Identity { get; init; }

    /// <summary>How long others wait after the last renewal that they saw; whole seconds.</summary>
    public TimeSpan LeaseDuration { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>How long after the last renewal the leader stops acting; less than <see cref="LeaseDuration"/>.</summary>
    public TimeSpan RenewDeadline { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Between two renewals; at most half of <see cref="RenewDeadline"/>.</summary>
    public TimeSpan RenewPeriod { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>The longest that one attempt may take: when one hangs, there is time for another.</summary>
    public TimeSpan AttemptLimit => RenewDeadline / 4;

    /// <summary>Between two attempts to get the lease, or to renew it after an error.</summary>
    public TimeSpan RetryPeriod { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>Where the spread of waits comes from; a seeded one makes tests repeatable.</summary>
    public Random Random { get; init; } = Random.Shared;

    /// <exception cref="ArgumentException">The times do not go together.</exception>
    public void Validate()
    {
        ArgumentException.ThrowIfNullOrEmpty(Namespace);
        ArgumentException.ThrowIfNullOrEmpty(Name);
        ArgumentException.ThrowIfNullOrEmpty(Identity);
        if (LeaseDuration.Ticks % TimeSpan.TicksPerSecond != 0)
            throw new ArgumentException($"{nameof(LeaseDuration)} ({LeaseDuration}) must be a whole number of seconds.");
        if (RenewDeadline >= LeaseDuration)
            throw new ArgumentException($"{nameof(RenewDeadline)} ({RenewDeadline}) must be less than {nameof(LeaseDuration)} ({LeaseDuration}).");
        if (RenewPeriod > RenewDeadline / 2 || RetryPeriod > RenewPeriod || RetryPeriod <= TimeSpan.Zero)
        {
            throw new ArgumentException(
                $"{nameof(RetryPeriod)} ({RetryPeriod}) must be positive and at most {nameof(RenewPeriod)} ({RenewPeriod}), "
                + $"which must be at most half of {nameof(RenewDeadline)} ({RenewDeadline}).");
        }
    }
}
