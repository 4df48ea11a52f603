using CvManager.Controller;
using CvManager.Resources;
using CvManager.Rollouts;

namespace CvManager.PowerShell;

/// <summary>What a look at one ContainerVersion led to, or would lead to.</summary>
public sealed record CvReconcileResult : IContainerVersionReference
{
    public string Namespace { get; init; } = "";

    /// <summary>Name of the ContainerVersion.</summary>
    public string Name { get; init; } = "";

    /// <summary>
    /// UpToDate; Planned (with -WhatIf, or where a person said no); Progressing, Verifying, RollingBack (it goes on); Succeeded,
    /// Failed, RolledBack, Superseded (a rollout that ended); Held (a person's decision); Stalled (somebody has to change something).
    /// </summary>
    public string Outcome { get; init; } = "";

    /// <summary>The version that the workloads should run; null where none could be found.</summary>
    public string? Version { get; init; }

    public string? Digest { get; init; }

    /// <summary>Why, in one word; the reason of the resource's condition.</summary>
    public string Reason { get; init; } = "";

    /// <summary>The same in a sentence.</summary>
    public string Message { get; init; } = "";

    /// <summary>What was planned, container by container; empty where there was nothing to change.</summary>
    public IReadOnlyList<CvPlannedChange> Change { get; init; } = [];

    /// <summary>The error that it stalled by; null where the plan found what is wrong.</summary>
    internal CvException? Problem { get; init; }

    /// <summary>Null where all is well, or a person wanted it so.</summary>
    internal CvException? Error => Outcome is RolloutPhase.Failed or RolloutPhase.RolledBack
        ? Failure(ConditionReasons.RolloutFailed, "Fix the image, push it as a new version, and move the tag to that version.")
        : Outcome == nameof(PlanVerdict.Stalled) && Reason == ConditionReasons.Quarantined
            ? Failure(Reason, $"Move the tag to a version that works. To try this version again, run Resume-ContainerVersion {Name} -Namespace {Namespace}.")
        : Outcome == nameof(PlanVerdict.Stalled) && Problem is { } problem
            ? new CvException(problem.ErrorId, problem.Kind, $"{Namespace}/{Name}: {problem.Message}", problem.Remedy, problem) { Target = $"{Namespace}/{Name}" }
        : Outcome == nameof(PlanVerdict.Stalled)
            ? Failure(Reason, $"Fix the problem that the message describes. To see the status, run Get-ContainerVersion {Name} -Namespace {Namespace}.")
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
        var telling = resource.Status?.Conditions?.FirstOrDefault(c => c.Type is ConditionTypes.Stalled or ConditionTypes.Reconciling && c.Status == "True")
            ?? resource.Status?.Conditions?.FirstOrDefault(c => c.Type == ConditionTypes.Ready);
        return new CvReconcileResult
        {
            Namespace = resource.Metadata.Namespace ?? "",
            Name = resource.Metadata.Name,
            Outcome = outcome,
            Version = rollout?.Version ?? plan.Version,
            Digest = rollout?.Digest ?? plan.Digest,
            Reason = rollout is null ? plan.Reason : telling?.Reason ?? plan.Reason,
            Message = rollout is null ? plan.Message : telling?.Message ?? rollout.Message ?? plan.Message,
            Change = CvPlannedChange.Of(plan),
            Problem = plan.Problem,
        };
    }

    private CvException Failure(string reason, string remedy) => new(reason, Kind(reason), Message, remedy) { Target = $"{Namespace}/{Name}" };

    private static CvErrorKind Kind(string reason) => reason switch
    {
        ConditionReasons.WorkloadNotFound or ConditionReasons.ContainerNotFound => CvErrorKind.NotFound,
        ConditionReasons.InvalidSpec => CvErrorKind.Invalid,
        ConditionReasons.Conflict or ConditionReasons.Contended => CvErrorKind.Conflict,
        ConditionReasons.BlueGreenAmbiguous or ConditionReasons.BlueGreenIncomplete => CvErrorKind.Invalid,
        _ => CvErrorKind.Failed,
    };
}

/// <summary>One container of one workload that gets another image.</summary>
public sealed record CvPlannedChange
{
    public string Kind { get; init; } = "";

    public string Workload { get; init; } = "";

    public string Container { get; init; } = "";

    public string FromImage { get; init; } = "";

    public string ToImage { get; init; } = "";

    /// <summary>In a sentence.</summary>
    public string Action { get; init; } = "";

    internal static IReadOnlyList<CvPlannedChange> Of(RolloutPlan plan) =>
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
