using CvManager.Resources;

namespace CvManager.Rollouts;

/// <summary>The result of a step.</summary>
/// <param name="Status">The new status of the resource; may be unchanged.</param>
/// <param name="RequeueAfter">When to run the next step; null if nothing is due before the next change.</param>
/// <param name="Finished">The rollout that this step ended; null for none.</param>
public sealed record StepResult(ContainerVersionStatus Status, TimeSpan? RequeueAfter, RolloutStatus? Finished = null);
