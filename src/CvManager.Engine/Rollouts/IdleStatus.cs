using CvManager.Resources;

namespace CvManager.Rollouts;

/// <summary>The status of a resource without a rollout in progress, whose plan does not require one. Pure.</summary>
internal static class IdleStatus
{
    public static ContainerVersionStatus Of(RolloutStep step)
    {
        (var plan, var status, var generation, var now) = (step.Plan, step.Status, step.Generation, step.Now);
        return plan.Verdict switch
        {
            PlanVerdict.UpToDate when plan.Reason == ConditionReasons.UpToDate => step.Succeeded(plan.Version) with
            {
                Conditions = ConditionList.Ready(status.Conditions, plan.Reason, plan.Message, generation, now),
            },
            PlanVerdict.UpToDate => NotReady(step) with
            {
                Conditions = ConditionList.Reconciling(status.Conditions, plan.Reason, plan.Message, generation, now),
            },
            PlanVerdict.Stalled when plan.Reason != ConditionReasons.RegistryUnavailable => status with
            {
                Conditions = ConditionList.Stalled(status.Conditions, plan.Reason, plan.Message, generation, now),
            },
            _ => status with { Conditions = ConditionList.Stale(status.Conditions, plan.Reason, plan.Message, generation, now) },
        };
    }

    /// <summary>Set to the version, but not ready: keeps Success if it was one for this version, and is Progressing otherwise.</summary>
    private static ContainerVersionStatus NotReady(RolloutStep step) =>
        step.Status is { CurrStatus: CurrentStatus.Success or CurrentStatus.Progressing } && step.Status.CurrVersion == step.Plan.Version
            ? step.Status
            : step.Status with
            {
                CurrVersion = step.Plan.Version,
                CurrStatus = CurrentStatus.Progressing,
                CurrStatusTime = step.Now,
            };
}
