using CvManager.Controller;
using CvManager.Resources;
using CvManager.Rollouts;

namespace CvManager.PowerShell;

/// <summary>The result of reconciling one ContainerVersion, or with -WhatIf the planned result.</summary>
public sealed class CvReconcileResult
{
    /// <summary>The time of the result.</summary>
    public DateTime Time { get; init; }

    public string Namespace { get; init; } = "";

    /// <summary>The name of the ContainerVersion.</summary>
    public string Name { get; init; } = "";

    /// <summary>
    /// UpToDate; Planned (with -WhatIf, or not confirmed); Progressing, Verifying, RollingBack (in progress); Succeeded, Failed,
    /// RolledBack, Superseded (finished); Held (suspended or pinned); Stalled (needs a change by a user).
    /// </summary>
    public string Outcome { get; init; } = "";

    /// <summary>The version that the workloads should run; null if none was found.</summary>
    public string? Version { get; init; }

    public string? Digest { get; init; }

    /// <summary>The reason of the condition of the resource.</summary>
    public string Reason { get; init; } = "";

    /// <summary>The message of that condition.</summary>
    public string Message { get; init; } = "";

    /// <summary>The planned changes, one for each container; empty if there is nothing to change.</summary>
    public Listed<CvPlannedChange> Change { get; init; } = [];

    /// <summary>The error that made it Stalled; null if the plan itself found the problem.</summary>
    internal CvException? Problem { get; init; }

    /// <summary>The error to report; null unless the outcome is Failed, RolledBack or Stalled.</summary>
    internal CvException? Error =>
        Outcome is RolloutPhase.Failed or RolloutPhase.RolledBack
            ? Failure(ConditionReasons.RolloutFailed, "Fix the image, push it as a new version, and move the tag to that version.")
        : Outcome == nameof(PlanVerdict.Stalled) && Reason == ConditionReasons.Quarantined
            ? Failure(
                Reason,
                $"Move the tag to a version that works. To try this version again, run Resume-ContainerVersion {Name} -Namespace "
                    + $"{Namespace}."
            )
        : Outcome == nameof(PlanVerdict.Stalled) && Problem is { } problem
            ? new CvException(problem.ErrorId, problem.Kind, $"{Namespace}/{Name}: {problem.Message}", problem.Remedy, problem)
            {
                Target = $"{Namespace}/{Name}",
            }
        : Outcome == nameof(PlanVerdict.Stalled)
            ? Failure(
                Reason,
                $"Fix the problem that the message describes. To see the status, run Get-ContainerVersion {Name} -Namespace {Namespace}."
            )
        : null;

    public override string ToString() => $"{Namespace}/{Name}";

    internal static CvReconcileResult Of(ReconcileResult result)
    {
        var (plan, resource) = (result.Plan, result.Resource);
        var (outcome, rollout) = result switch
        {
            { Finished: { } finished } => (finished.Phase, finished),
            { IsInProgress: true } => (resource.Status!.Rollout!.Phase, resource.Status.Rollout),
            { Plan.Verdict: PlanVerdict.RollOut } => ("Planned", null),
            _ => (plan.Verdict.ToString(), null),
        };
        var deciding = ConditionList.Deciding(resource.Status?.Conditions);
        return new CvReconcileResult
        {
            Time = TimeProvider.System.GetLocalNow().LocalDateTime,
            Namespace = resource.Metadata.Namespace ?? "",
            Name = resource.Metadata.Name,
            Outcome = outcome,
            Version = rollout?.Version ?? plan.Version,
            Digest = rollout?.Digest ?? plan.Digest,
            Reason = rollout is null ? plan.Reason : deciding?.Reason ?? plan.Reason,
            Message = rollout is null ? plan.Message : deciding?.Message ?? rollout.Message ?? plan.Message,
            Change = CvPlannedChange.Of(plan),
            Problem = plan.Problem,
        };
    }

    private CvException Failure(string reason, string remedy) =>
        new(reason, Kind(reason), Message, remedy) { Target = $"{Namespace}/{Name}" };

    private static CvErrorKind Kind(string reason) =>
        reason switch
        {
            ConditionReasons.WorkloadNotFound or ConditionReasons.ContainerNotFound => CvErrorKind.NotFound,
            ConditionReasons.InvalidSpec => CvErrorKind.Invalid,
            ConditionReasons.Conflict or ConditionReasons.Contended => CvErrorKind.Conflict,
            ConditionReasons.BlueGreenAmbiguous or ConditionReasons.BlueGreenIncomplete => CvErrorKind.Invalid,
            _ => CvErrorKind.Failed,
        };
}

/// <summary>A planned change of the image of one container.</summary>
public sealed class CvPlannedChange
{
    public string Kind { get; init; } = "";

    public string Workload { get; init; } = "";

    public string Container { get; init; } = "";

    public string FromImage { get; init; } = "";

    public string ToImage { get; init; } = "";

    /// <summary>Describes the change.</summary>
    public string Action { get; init; } = "";

    internal static Listed<CvPlannedChange> Of(RolloutPlan plan) =>
        [
            .. plan.Changes.Select(change => new CvPlannedChange
            {
                Kind = change.Workload.Kind,
                Workload = change.Workload.Name,
                Container = change.Container.Name,
                FromImage = change.Container.Image,
                ToImage = change.ToImage,
                Action = change.ToString(),
            }),
        ];

    public override string ToString() => Action;
}
