using CvManager.Resources;
using CvManager.Workloads;

namespace CvManager.Rollouts;

/// <summary>What would change now (R2): -WhatIf prints it, and a rollout executes it. Immutable.</summary>
public sealed record RolloutPlan
{
    public required ContainerVersion Resource { get; init; }

    public required PlanVerdict Verdict { get; init; }

    /// <summary>One of <see cref="ConditionReasons"/>.</summary>
    public required string Reason { get; init; }

    /// <summary>One sentence for people.</summary>
    public required string Message { get; init; }

    /// <summary>The error behind a stalled plan; null if the planner itself found the problem.</summary>
    public CvException? Problem { get; init; }

    /// <summary>The version that the workloads should run; null if it is unknown.</summary>
    public string? Version { get; init; }

    public string? Digest { get; init; }

    /// <summary>The changes, in order. Empty unless the verdict is <see cref="PlanVerdict.RollOut"/>.</summary>
    public IReadOnlyList<PlannedChange> Changes { get; init; } = [];

    /// <summary>The workloads that the resource selects.</summary>
    public IReadOnlyList<Workload> Workloads { get; init; } = [];

    /// <summary>
    /// For ServiceBlueGreen, the live and the idle workload; null for other strategies, and if they cannot be determined.
    /// </summary>
    public BlueGreenPair? BlueGreen { get; init; }
}

/// <summary>The two workloads of a blue-green pair.</summary>
/// <param name="Live">The workload that the Service points at.</param>
/// <param name="Idle">The other workload.</param>
public sealed record BlueGreenPair(Workload Live, Workload Idle);

public enum PlanVerdict
{
    /// <summary>All workloads run the version.</summary>
    UpToDate,

    /// <summary>At least one workload has to change.</summary>
    RollOut,

    /// <summary>A person suspended the resource (R7).</summary>
    Held,

    /// <summary>Nothing can be done until the problem that the reason names is fixed.</summary>
    Stalled,
}

/// <summary>The change of one container's image.</summary>
/// <param name="Workload">The workload as last read.</param>
/// <param name="Container">The container of its pod template.</param>
/// <param name="ToImage">The new image.</param>
public sealed record PlannedChange(Workload Workload, WorkloadContainer Container, string ToImage)
{
    /// <summary>The Service to point at the workload afterwards; null for none.</summary>
    public string? CutOver { get; init; }

    public override string ToString() => CutOver is null ? Change() : $"{Change()}, then point Service {CutOver} at it";

    private string Change() =>
        WorkloadKind.Find(Workload.Kind).Delivery switch
        {
            Delivery.PatchTemplateAndReplacePods when RunningImage.AreSame(Container.Image, ToImage) =>
                $"Replace the pods of {Workload.Reference} one by one until all run {ToImage}",
            _ when RunningImage.AreSame(Container.Image, ToImage) =>
                $"Wait until {Workload.Reference} runs {ToImage}, which is already set",
            Delivery.Recreate => $"Recreate {Workload.Reference} with {Container.Name} = {ToImage} (was {Container.Image})",
            Delivery.PatchTemplateAndReplacePods =>
                $"Set {Workload.Reference} {Container.Name} = {ToImage} (was {Container.Image}) and replace its pods one by one",
            _ => $"Set {Workload.Reference} {Container.Name} = {ToImage} (was {Container.Image})",
        };
}
