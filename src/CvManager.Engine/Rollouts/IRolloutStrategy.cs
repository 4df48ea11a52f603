using CvManager.Resources;

namespace CvManager.Rollouts;

/// <summary>
/// How a version reaches the workloads, after the gates of <c>container.verify</c> have passed. To add one: implement this interface, keep
/// its progress in <see cref="RolloutStatus"/>, and choose it in <c>RolloutStrategies</c>.
/// </summary>
/// <remarks>
/// One instance serves one step of one resource. What matters is in the status, so that every step can be run again (R10).
/// </remarks>
internal interface IRolloutStrategy
{
    /// <summary>Whether a rollout that is in progress still matches the specification; if not, it is superseded.</summary>
    bool IsCurrent(RolloutStatus rollout, StrategySpec spec);

    /// <summary>Rolls out what can be rolled out now.</summary>
    Task<StepResult> RollOutAsync(RolloutStatus rollout, CancellationToken cancellationToken);

    /// <summary>R6: at the start of a rollback, reverts everything but the images, which are restored after that.</summary>
    /// <returns>Null if that is done; otherwise what is missing.</returns>
    Task<string?> RevertAsync(RolloutStatus rollout, CancellationToken cancellationToken);
}
