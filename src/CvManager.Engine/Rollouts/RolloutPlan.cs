using CvManager.Resources;
using CvManager.Workloads;

namespace CvManager.Rollouts;

/// <summary>The answer to "what would change now?" (R2): what -WhatIf prints, and what a rollout executes. Immutable.</summary>
public sealed record RolloutPlan
{
    public required ContainerVersion Resource { get; init; }

    public required PlanVerdict Verdict { get; init; }

    /// <summary>One of <see cref="ConditionReasons"/>.</summary>
    public required string Reason { get; init; }

    /// <summary>One sentence for people.</summary>
    public required string Message { get; init; }

    /// <summary>The error that nothing can be done for; null where the plan itself found what is wrong.</summary>
    public CvException? Problem { get; init; }

    /// <summary>The version that the workloads should run; null where none could be found.</summary>
    public string? Version { get; init; }

    public string? Digest { get; init; }

    /// <summary>What would be changed, in the order in which it would be. Empty but for <see cref="PlanVerdict.RollOut"/>.</summary>
    public IReadOnlyList<PlannedChange> Changes { get; init; } = [];

    /// <summary>The workloads that the resource selects.</summary>
    public IReadOnlyList<Workload> Workloads { get; init; } = [];

    /// <summary>Which workload has the traffic, for the strategy ServiceBlueGreen; null for another one, and where that is not clear.</summary>
    public BlueGreenPair? BlueGreen { get; init; }
}

/// <summary>The two colours.</summary>
/// <param name="Live">The one that the Service points at.</param>
/// <param name="Idle">The other one.</param>
public sealed record BlueGreenPair(Workload Live, Workload Idle);

public enum PlanVerdict
{
    /// <summary>All workloads run the version.</summary>
    UpToDate,

    /// <summary>There is something to change.</summary>
    RollOut,

    /// <summary>A person decided that nothing is to change (R7).</summary>
    Held,

    /// <summary>Nothing can be done until somebody changes something; the reason says what.</summary>
    Stalled,
}

/// <summary>One container of one workload that gets another image.</summary>
/// <param name="Workload">As it was read.</param>
/// <param name="Container">The container of its pod template.</param>
/// <param name="ToImage">The image that it gets.</param>
public sealed record PlannedChange(Workload Workload, WorkloadContainer Container, string ToImage)
{
    /// <summary>The Service that is pointed at the workload afterwards; null for none.</summary>
    public string? CutOver { get; init; }

    public override string ToString() => CutOver is null ? Change() : $"{Change()}, then point Service {CutOver} at it";

    private string Change() => WorkloadKind.Find(Workload.Kind).Delivery switch
    {
        Delivery.PatchTemplateAndReplacePods when RunningImage.AreSame(Container.Image, ToImage) => $"Replace the pods of {Workload.Reference} one by one until all run {ToImage}",
        _ when RunningImage.AreSame(Container.Image, ToImage) => $"Wait until {Workload.Reference} runs {ToImage}, which is set already",
        Delivery.Recreate => $"Recreate {Workload.Reference} with {Container.Name} = {ToImage} (was {Container.Image})",
        Delivery.PatchTemplateAndReplacePods => $"Set {Workload.Reference} {Container.Name} = {ToImage} (was {Container.Image}) and replace its pods one by one",
        _ => $"Set {Workload.Reference} {Container.Name} = {ToImage} (was {Container.Image})",
    };
}
