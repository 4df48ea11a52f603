using CvManager.Resources;

namespace CvManager.Rollouts;

/// <summary>Chooses the strategy of a rollout.</summary>
internal static class RolloutStrategies
{
    /// <summary>The strategy with which a rollout was started, even if the specification has changed.</summary>
    public static IRolloutStrategy Of(RolloutStatus rollout, RolloutStep step) =>
        rollout.BlueGreen is null ? new RollingStrategy(step) : new ServiceBlueGreenStrategy(step);
}
