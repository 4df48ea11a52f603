using CvManager.Cluster;
using CvManager.Resources;
using CvManager.Versions;
using CvManager.Workloads;

namespace CvManager.Rollouts;

/// <summary>The input of a plan. It contains everything that the planner needs; the planner reads nothing itself.</summary>
public sealed record PlanInput
{
    public required ContainerVersion Resource { get; init; }

    /// <summary>The version of the tag, or the pinned version; null if it is unknown (see <see cref="Problem"/>).</summary>
    public ResolvedVersion? Version { get; init; }

    /// <summary>Why the version is unknown.</summary>
    public CvException? Problem { get; init; }

    /// <summary>Every workload of the namespace that has the cvapp label.</summary>
    public required IReadOnlyList<Workload> Workloads { get; init; }

    /// <summary>Why workloads of a kind may be missing from <see cref="Workloads"/>; null if none are.</summary>
    public CvException? WorkloadsError { get; init; }

    /// <summary>
    /// For ServiceBlueGreen: the Service that selects the live workload; null if it does not exist, and for other strategies.
    /// </summary>
    public ServiceSelector? Service { get; init; }

    /// <summary>Every ContainerVersion of the namespace; may contain the resource itself.</summary>
    public required IReadOnlyList<ContainerVersion> Neighbours { get; init; }
}

/// <summary>
/// R2: plans what would change now. Pure and thread-safe: no I/O, no clock, no randomness; equal input produces an equal plan.
/// </summary>
public static class Planner
{
    /// <summary>R3: how often an image that another client changed is set again before it is left unchanged.</summary>
    public const int MaxRepeats = 3;

    public static RolloutPlan Plan(PlanInput input)
    {
        ArgumentNullException.ThrowIfNull(input);
        var resource = input.Resource;
        var spec = resource.Spec;

        if (resource.ValidationErrors is { Count: > 0 } errors)
        {
            return Stalled(input, ConditionReasons.InvalidSpec, string.Join("; ", errors.Select(e => $"{e} ({e.Remedy})")));
        }

        var workloads = input
            .Workloads.Where(w =>
                w.Namespace == resource.Metadata.Namespace && w.Controller is null && !w.IsFinished && w.IsSelectedBy(spec.Selector)
            )
            .OrderBy(w => w.Kind, StringComparer.Ordinal)
            .ThenBy(w => w.Name, StringComparer.Ordinal)
            .ToList();
        if (spec.Suspend)
        {
            return new RolloutPlan
            {
                Resource = resource,
                Verdict = PlanVerdict.Held,
                Reason = ConditionReasons.Suspended,
                Workloads = workloads,
                Version = input.Version?.Version,
                Digest = input.Version?.Digest,
                Message =
                    $"Suspended{Hold.Of(resource)}. Nothing is rolled out until you run Resume-ContainerVersion {resource.Metadata.Name}.",
            };
        }

        if (input.Version is null)
        {
            var why = input.Problem is { } problem ? $"{problem.Message} {problem.Remedy}" : "The version is unknown.";
            return Stalled(input, Reason(input.Problem), why, workloads) with { Problem = input.Problem };
        }

        if (workloads.Count == 0 && input.WorkloadsError is { } error)
        {
            return Stalled(
                input,
                ConditionReasons.ClusterForbidden,
                $"The workloads could not be read. {error.Message} {error.Remedy}"
            ) with
            {
                Problem = error,
            };
        }

        if (workloads.Count == 0)
        {
            return Stalled(
                input,
                ConditionReasons.WorkloadNotFound,
                $"No workload in namespace {resource.Metadata.Namespace} matches spec.selector "
                    + $"({string.Join(",", spec.Selector.Select(l => $"{l.Key}={l.Value}"))}){Ignored(input)}. Label a workload, or correct spec.selector."
            );
        }

        if (workloads.FirstOrDefault(w => w.FindContainer(spec.Container.Name) is null) is { } lacking)
        {
            var containers = string.Join(", ", lacking.Containers.Select(c => c.Name));
            return Stalled(
                input,
                ConditionReasons.ContainerNotFound,
                $"{lacking.Reference} has no container {spec.Container.Name}; its containers are {containers}. "
                    + "Correct spec.container.name.",
                workloads
            );
        }

        if (Rival(input, workloads) is { } rival)
            return Stalled(input, ConditionReasons.Conflict, rival, workloads);
        if (spec.Strategy.Kind == StrategySpec.Rolling)
            return PlanChanges(input, input.Version, workloads, null);
        (var pair, var ambiguous) = Pair(input, spec.Strategy.BlueGreen!, workloads);
        return pair is null
            ? Stalled(
                input,
                workloads.Count < 2 ? ConditionReasons.BlueGreenIncomplete : ConditionReasons.BlueGreenAmbiguous,
                ambiguous!,
                workloads
            )
            : PlanChanges(input, input.Version, workloads, pair);
    }

    /// <summary>R4: which workloads match the selector and are ignored, and why.</summary>
    private static string Ignored(PlanInput input)
    {
        string[] ignored =
        [
            .. input
                .Workloads.Where(w => w.Namespace == input.Resource.Metadata.Namespace && w.IsSelectedBy(input.Resource.Spec.Selector))
                .OrderBy(w => w.Reference, StringComparer.Ordinal)
                .Take(3)
                .Select(w => w.Controller is { } owner ? $"{w.Reference} is managed by {owner}" : $"{w.Reference} has terminated"),
        ];
        return ignored.Length == 0 ? "" : $"; ignored: {string.Join(", ", ignored)}";
    }

    /// <summary>R13: exactly two workloads, and exactly one of them live.</summary>
    private static (BlueGreenPair? Pair, string? Problem) Pair(PlanInput input, BlueGreenSpec spec, List<Workload> workloads)
    {
        if (workloads.Find(w => !WorkloadKind.Find(w.Kind).IsScalable) is { } fixedSize)
        {
            return (
                null,
                $"{fixedSize.Reference} cannot be used with ServiceBlueGreen because its kind cannot be scaled. "
                    + "Use Deployments, StatefulSets or ReplicaSets."
            );
        }

        if (workloads.Count != 2)
        {
            var found = workloads.Count == 1 ? $"only {workloads[0].Reference}" : string.Join(", ", workloads.Select(w => w.Reference));
            return (
                null,
                $"ServiceBlueGreen requires exactly two workloads; spec.selector matches {found}. "
                    + "Correct spec.selector or the cvapp labels."
            );
        }

        var labels = string.Join(", ", spec.LabelNames);
        if (input.Service is not { } service)
            return (null, $"Service {spec.ServiceName} not found. Create it, or correct spec.strategy.blueGreen.serviceName.");
        if (workloads.Find(w => spec.LabelNames.Any(label => !w.PodLabels.ContainsKey(label))) is { } lacking)
            return (
                null,
                $"The pods of {lacking.Reference} are missing a label that spec.strategy.blueGreen.labelNames requires ({labels})."
            );
        List<Workload> live = [.. workloads.Where(w => service.PointsAt(w, spec.LabelNames))];
        if (live.Count == 1)
            return (new BlueGreenPair(live[0], workloads.Single(w => w != live[0])), null);
        (var one, var other) = (workloads[0].Reference, workloads[1].Reference);
        return (
            null,
            $"Service {service.Name} selects {(live.Count == 0 ? $"neither {one} nor {other}" : $"both {one} and {other}")} by {labels}. "
                + "Change its selector so that it selects exactly one of them."
        );
    }

    private static RolloutPlan PlanChanges(PlanInput input, ResolvedVersion version, List<Workload> workloads, BlueGreenPair? pair)
    {
        var resource = input.Resource;
        var spec = resource.Spec;
        var target = TargetImage.Of(spec, version.Version, version.Digest);
        // R13: up to date means that the live colour is; the idle one then stays unchanged.
        IReadOnlyList<Workload> live = pair is null ? workloads : [pair.Live];
        var changes = live.Select(w => new PlannedChange(w, w.FindContainer(spec.Container.Name)!, target))
            .Where(c => !IsRunning(resource, c, version))
            .ToList();
        if (pair is not null && changes.Count > 0)
            changes =
            [
                new PlannedChange(pair.Idle, pair.Idle.FindContainer(spec.Container.Name)!, target)
                {
                    CutOver = spec.Strategy.BlueGreen!.ServiceName,
                },
            ];
        RolloutPlan plan = new()
        {
            Resource = resource,
            Verdict = PlanVerdict.UpToDate,
            Reason = ConditionReasons.UpToDate,
            Message = "",
            Version = version.Version,
            Digest = version.Digest,
            Workloads = workloads,
            BlueGreen = pair,
        };
        if (pair is null)
            changes =
            [
                .. changes,
                .. Unfinished(resource, version, [.. workloads.Where(w => changes.TrueForAll(c => c.Workload != w))], changes.Count > 0),
            ];
        var pinned = spec.PinVersion.Length > 0 ? " (pinned)" : "";
        var quarantined = resource.Status?.Quarantined?.FirstOrDefault(q => q.Digest == version.Digest);
        if (changes.Count == 0)
        {
            // Nothing to change, but the resource is ready only when its pods are.
            List<Workload> waiting = [.. live.Where(w => w.Progress.State != ProgressState.Done)];
            if (waiting.Count == 0)
                return plan with { Message = UpToDate(resource, live, version.Version) };
            // A failed version that was not rolled back is up to date only after its workloads have recovered.
            return quarantined is not null
                ? plan with
                {
                    Verdict = PlanVerdict.Stalled,
                    Reason = ConditionReasons.RolloutFailed,
                    Message = $"Version {version.Version} failed: {quarantined.Reason}",
                }
                : plan with
                {
                    Reason =
                        waiting.Select(w => w.Progress.BlockedBy).FirstOrDefault(by => by is not null)
                        ?? ConditionReasons.WorkloadsNotReady,
                    Message =
                        $"Set to version {version.Version}{pinned}, but not all pods are ready: "
                        + $"{string.Join("; ", waiting.Select(w => $"{w.Reference}: {w.Progress.Message}"))}.",
                };
        }

        if (quarantined is not null)
        {
            return plan with
            {
                Verdict = PlanVerdict.Stalled,
                Reason = ConditionReasons.Quarantined,
                Message =
                    $"Version {version.Version} is quarantined: it failed at {quarantined.At:u} ({quarantined.Reason}). "
                    + $"It is not rolled out again until the tag moves or you run Resume-ContainerVersion {resource.Metadata.Name}.",
            };
        }

        if (Contender(resource, version.Digest, changes) is { } contender)
            return plan with { Verdict = PlanVerdict.Stalled, Reason = ConditionReasons.Contended, Message = contender };
        return plan with
        {
            Verdict = PlanVerdict.RollOut,
            Reason = ConditionReasons.RolloutInProgress,
            Changes = changes,
            Message = $"Roll out version {version.Version}{pinned} to {string.Join(", ", changes.Select(c => c.Workload.Reference))}.",
        };
    }

    /// <summary>
    /// Workloads that are set to the version but not by a completed rollout: those of a rollout of the version that was superseded halfway
    /// (by a suspension, for example), which R6 still has to judge and roll back as a whole; and ReplicaSets whose template another client
    /// has set since the last rollout, because nothing else replaces their pods (R4). A workload that a rollout completed and that is down
    /// now is not included.
    /// </summary>
    private static IEnumerable<PlannedChange> Unfinished(
        ContainerVersion resource,
        ResolvedVersion version,
        List<Workload> set,
        bool hasOthers
    )
    {
        if (resource.Status?.Rollout is not { } last || !RolloutPhase.IsFinal(last.Phase) || (!hasOthers && set.TrueForAll(IsUp)))
            return [];
        var isHalfway = last.Phase == RolloutPhase.Superseded && last.Digest == version.Digest && last.Repeats < MaxRepeats;
        return set.Where(w =>
                isHalfway
                    ? last.Workloads.Any(entry => entry.Kind == w.Kind && entry.Name == w.Name && entry.Phase != RolloutPhase.Superseded)
                    : last.Digest != version.Digest
                        && !IsUp(w)
                        && WorkloadKind.Find(w.Kind).Delivery == Delivery.PatchTemplateAndReplacePods
            )
            .Select(w => (Workload: w, Container: w.FindContainer(resource.Spec.Container.Name)!))
            .Select(w => new PlannedChange(w.Workload, w.Container, w.Container.Image));

        static bool IsUp(Workload workload) => workload.Progress.State == ProgressState.Done;
    }

    /// <summary>True if a workload has the version, or the image to which an admission webhook rewrote it.</summary>
    private static bool IsRunning(ContainerVersion resource, PlannedChange change, ResolvedVersion version) =>
        TargetImage.IsRunning(change.Container.Image, resource, version.Version, version.Digest)
        || resource.Status?.Rollout?.Rewrites?.Any(r =>
            r.Kind == change.Workload.Kind
            && r.Name == change.Workload.Name
            && r.Answered == change.Container.Image
            && RunningImage.AreSame(r.Asked, change.ToImage)
        ) == true;

    /// <summary>R9: the older resource manages the container; the newer one reports the conflict.</summary>
    private static string? Rival(PlanInput input, List<Workload> workloads)
    {
        var resource = input.Resource;
        foreach (var other in input.Neighbours.Order(ByAge.Instance))
        {
            if (other.Metadata.Name == resource.Metadata.Name)
                return null;
            if (
                other.Metadata.Namespace == resource.Metadata.Namespace
                && other.Metadata.DeletionTimestamp is null
                && other.Spec.Container.Name == resource.Spec.Container.Name
                && workloads.FirstOrDefault(w => w.IsSelectedBy(other.Spec.Selector)) is { } shared
            )
            {
                return $"Container {resource.Spec.Container.Name} of {shared.Reference} is already managed by the older ContainerVersion {other.Metadata.Name}. "
                    + "Change the selector or the container of one of them, or delete one.";
            }
        }

        return null;
    }

    /// <summary>R3: a client that keeps changing the image back wins after <see cref="MaxRepeats"/> attempts.</summary>
    private static string? Contender(ContainerVersion resource, string digest, List<PlannedChange> changes)
    {
        if (
            resource.Status?.Rollout is not { } last
            || last.Digest != digest
            || last.Repeats < MaxRepeats
            || !RolloutPhase.IsFinal(last.Phase)
            || resource.Status.ObservedGeneration != resource.Metadata.Generation
        )
        {
            return null;
        }

        var change = changes[0];
        // The field manager is our own if an admission webhook rewrote what we wrote.
        var until =
            "It is left unchanged until the tag moves, the ContainerVersion changes, or you run Resume-ContainerVersion "
            + $"{resource.Metadata.Name}.";
        if (change.Container.ImageManager == ClusterConnection.FieldManager)
        {
            return $"An admission webhook rewrites the image of {change.Workload.Reference} for version {last.Version} to {change.Container.Image}. {until}";
        }

        var who = change.Container.ImageManager is { Length: > 0 } manager ? $"the field manager {manager}" : "another client";
        return $"The image of {change.Workload.Reference} was changed back to {change.Container.Image} by {who} {last.Repeats} times "
            + $"after version {last.Version} was rolled out. {until}";
    }

    private static RolloutPlan Stalled(PlanInput input, string reason, string message, IReadOnlyList<Workload>? workloads = null) =>
        new()
        {
            Resource = input.Resource,
            Verdict = PlanVerdict.Stalled,
            Reason = reason,
            Message = message,
            Version = input.Version?.Version,
            Digest = input.Version?.Digest,
            Workloads = workloads ?? [],
        };

    private static string Reason(CvException? problem) =>
        problem switch
        {
            { ErrorId: ErrorIds.RegistryTagNotFound } => ConditionReasons.TagNotFound,
            { ErrorId: ErrorIds.RegistryRepositoryNotFound } => ConditionReasons.RepositoryNotFound,
            { ErrorId: ErrorIds.VersionNotFound or ErrorIds.RegistryVersionNotFound } => ConditionReasons.VersionNotFound,
            { ErrorId: ErrorIds.VersionPolicyUndecided } => ConditionReasons.VersionUndecided,
            {
                ErrorId: ErrorIds.VersionSyntaxInvalid
                    or ErrorIds.VersionSyntaxTimeout
                    or ErrorIds.VersionSyntaxTooBroad
                    or ErrorIds.VersionPolicyInvalid
                    or ErrorIds.VersionPolicyTooBroad
            } => ConditionReasons.InvalidSpec,
            { Kind: CvErrorKind.Unauthenticated or CvErrorKind.Forbidden } => ConditionReasons.RegistryUnauthorized,
            _ => ConditionReasons.RegistryUnavailable,
        };

    /// <summary>
    /// The message of an up-to-date resource: the same after a rollout as in every later plan, so that nothing is written then (R12).
    /// </summary>
    internal static string UpToDate(ContainerVersion resource, IReadOnlyList<Workload> workloads, string version)
    {
        var who = workloads.Count == 1 ? $"{workloads[0].Reference} is" : $"{Counted.Of(workloads.Count, "workload")} are";
        return $"{who} on version {version}{(resource.Spec.PinVersion.Length > 0 ? $" (pinned{Hold.Of(resource)})" : "")}.";
    }

    /// <summary>Oldest first, then by name.</summary>
    private sealed class ByAge : IComparer<ContainerVersion>
    {
        public static ByAge Instance { get; } = new();

        public int Compare(ContainerVersion? x, ContainerVersion? y)
        {
            var age = Nullable.Compare(x?.Metadata.CreationTimestamp, y?.Metadata.CreationTimestamp);
            return age != 0 ? age : string.CompareOrdinal(x?.Metadata.Name, y?.Metadata.Name);
        }
    }
}
