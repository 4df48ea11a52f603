using System.Globalization;
using CvManager.Resources;
using CvManager.Workloads;

namespace CvManager.Rollouts;

/// <summary>What was last seen of a rollout that is waited for, and its description for people. Immutable; texts have no line breaks.</summary>
public sealed record RolloutState
{
    /// <summary>The maximum number of resources that an error describes.</summary>
    private const int MaxDescribed = 5;

    /// <summary>How long after the deadline of a rollout its controller is late, with clocks that differ.</summary>
    private static readonly TimeSpan Lateness = TimeSpan.FromMinutes(1);

    /// <summary>The resource, as last read.</summary>
    public required ContainerVersion Resource { get; init; }

    /// <summary>The version that is waited for; null for the one that the resource should have.</summary>
    public string? Version { get; init; }

    /// <summary>The workloads of the rollout, or those that the resource selects before its first rollout.</summary>
    public IReadOnlyList<WorkloadState> Workloads { get; init; } = [];

    /// <summary>Why the last read failed; null if it did not.</summary>
    public CvException? Problem { get; init; }

    /// <summary>Whether a controller has seen the current specification.</summary>
    public bool IsReconciled => Resource.Status is { } status && status.ObservedGeneration >= Resource.Metadata.Generation;

    /// <summary>The rollout, while it is in progress.</summary>
    public RolloutStatus? InProgress => Resource.Status?.Rollout is { } rollout && !RolloutPhase.IsFinal(rollout.Phase) ? rollout : null;

    /// <summary>The share of workloads that are finished, in percent; null if no rollout is in progress.</summary>
    public int? PercentComplete =>
        InProgress is { Workloads: { Count: > 0 } workloads }
            ? 100 * workloads.Count(workload => RolloutPhase.IsFinal(workload.Phase)) / workloads.Count
            : null;

    /// <summary>The phase and the version: <c>Progressing 9f8e7d6</c>.</summary>
    public string Phase
    {
        get
        {
            if (InProgress is { } rollout)
                return $"{rollout.Phase} {Short(rollout.Version)}";
            var status = Resource.Status;
            var present = status?.CurrStatus is null ? "no rollout yet" : $"{status.CurrStatus} {Short(status.CurrVersion)}";
            if (!IsReconciled)
                return $"Not reconciled, {present}";
            return Version is not null && status!.CurrVersion != Version ? $"Waiting for {Short(Version)}, {present}" : present;
        }
    }

    /// <summary>The pods of each workload: <c>Deployment/myapp 1/2 updated, 0/2 ready</c>. Empty if unknown.</summary>
    public string Counts => string.Join("; ", Workloads.Where(w => w.Counts.Length > 0).Select(w => $"{w.Kind}/{w.Name} {w.Counts}"));

    /// <summary>What keeps the rollout from being finished, in one word and in full; null for nothing in particular.</summary>
    public (string Word, string Message)? Reason
    {
        get
        {
            if (Problem is not null)
                return (Problem.ErrorId, Problem.Message);
            if (RunningGate is { } gate && (gate.Reason ?? gate.Message) is not null)
                return (gate.Reason ?? "Gate", Describe(gate));
            if (InProgress is not { } rollout)
            {
                return IsReconciled && ConditionList.Deciding(Resource.Status!.Conditions) is { } deciding && !IsCurrent(deciding)
                    ? (deciding.Reason, $"{deciding.Reason}: {deciding.Message}")
                    : null;
            }

            if (Workloads.SelectMany(w => w.Pods ?? []).FirstOrDefault(pod => pod.IsProblem) is { } pod)
                return ($"{pod.Reason} in pod {pod.Name}", First(rollout) ?? pod.Message);
            if (rollout.Workloads.FirstOrDefault(w => w.BlockedBy is not null) is { } blocked)
                return (blocked.BlockedBy!, $"{blocked.Kind}/{blocked.Name}: {blocked.Message}");
            if (
                rollout.Workloads.FirstOrDefault(w => w is { Phase: RolloutPhase.Progressing, Trouble: not null } && !ArePodsRead(w)) is
                { } troubled
            )
                return (troubled.Trouble!.Kind, $"{troubled.Kind}/{troubled.Name}: {troubled.Message}");
            return rollout is { Phase: RolloutPhase.RollingBack, Message: { Length: > 0 } failure } ? ("RolloutFailed", failure) : null;
        }
    }

    /// <summary>Everything on one line, for a log.</summary>
    public override string ToString()
    {
        List<string> parts = [$"{Resource.Key}: {Phase}"];
        if (Counts.Length > 0)
            parts.Add(Counts);
        var shown = string.Join("; ", parts);
        return OneLine(Reason is { } reason ? $"{shown}: {reason.Message}" : shown);
    }

    /// <summary>The error of a wait that was not over in time, with the state of what was waited for.</summary>
    /// <param name="unfinished">The states of the resources that were not done.</param>
    /// <param name="limit">The time limit.</param>
    /// <param name="isDefault">Whether it is the default limit.</param>
    /// <param name="now">The time.</param>
    public static CvException TimedOut(IReadOnlyList<RolloutState> unfinished, TimeSpan limit, bool isDefault, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(unfinished);
        var first = unfinished[0];
        var within = string.Create(
            CultureInfo.InvariantCulture,
            $"within {limit.TotalSeconds:0.###} s ({(isDefault ? "the default time limit" : "-Timeout")})"
        );
        var goal = first.Version is { } version ? $"on version {version}" : "ready";
        List<string> details = [];
        foreach (var state in unfinished.Take(MaxDescribed))
        {
            if (unfinished.Count > 1)
                details.Add($"{state.Resource.Key}:");
            details.AddRange(state.Describe(now).Select(line => unfinished.Count > 1 ? $"  {line}" : line));
        }

        if (unfinished.Count > MaxDescribed)
            details.Add($"and {unfinished.Count - MaxDescribed} more");
        return new CvException(
            ErrorIds.RolloutWaitTimedOut,
            CvErrorKind.Timeout,
            unfinished.Count == 1
                ? $"{first.Resource.Key} was not {goal} {within}. Last state seen:"
                : $"{Counted.Of(unfinished.Count, "ContainerVersion")} were not {goal} {within}. Last states seen:",
            first.Remedy(now)
        )
        {
            Target = first.Resource.Key,
            Details = details,
        };
    }

    /// <summary>The state in lines: resource, rollout, gate, workloads and pods. Each ends with a period: PowerShell may join them.</summary>
    internal IEnumerable<string> Describe(DateTimeOffset now) => Lines(now).Select(line => OneLine(line.EndsWith('.') ? line : line + "."));

    private IEnumerable<string> Lines(DateTimeOffset now)
    {
        var status = Resource.Status;
        if (InProgress is { } rollout)
        {
            yield return $"{rollout.Phase} version {rollout.Version} since {rollout.StartedAt:u}"
                + (rollout.Deadline is { } deadline ? $", deadline {deadline:u}" : "");
        }
        else
        {
            yield return status?.CurrStatus is null
                ? "No rollout yet"
                : $"{status.CurrStatus} version {status.CurrVersion}"
                    + (status.Latest is { } latest ? $"; {latest.Tag} is version {latest.Version} since {latest.SeenAt:u}" : "");
        }

        if (!IsReconciled)
            yield return NotReconciled();
        if (ConditionList.Deciding(status?.Conditions) is { } deciding)
            yield return $"{deciding.Reason}: {deciding.Message}";
        if (IsLate(now))
            yield return "The deadline of the rollout has passed, and no controller has ended it";
        if (RunningGate is { } gate)
            yield return Describe(gate);
        foreach (var workload in Workloads)
        {
            yield return workload.ToString();
            foreach (var pod in workload.Pods ?? [])
                yield return $"  {pod.Message}";
        }

        if (Problem is not null)
            yield return $"The last read failed: {Problem.Message}";
    }

    /// <summary>A statement of what was seen.</summary>
    internal string NotReconciled() =>
        Resource.Status is null
            ? "No controller has reconciled it since it was created"
            : $"No controller has reconciled it since it was changed (generation {Resource.Metadata.Generation}, "
                + $"reconciled {Resource.Status.ObservedGeneration ?? 0})";

    private string Remedy(DateTimeOffset now)
    {
        (var name, var ns) = (Resource.Metadata.Name, Resource.Metadata.Namespace);
        if (Problem is not null)
            return Problem.Remedy;
        if (!IsReconciled || IsLate(now))
            return $"Start the controller, or run Start-CvReconcile {name} -Namespace {ns} -Wait.";
        if (RunningGate is { Pod: { } gatePod } gate)
            return gate.Reason is null
                ? $"Run kubectl logs -n {ns} {gatePod.Name} to see what the gate does, or wait longer: increase -Timeout."
                : "Correct what keeps the pod of the gate from starting, or wait longer: increase -Timeout.";
        if (InProgress is { } rollout)
        {
            if (Workloads.SelectMany(w => w.Pods ?? []).FirstOrDefault() is { } pod)
            {
                var cause = pod.Reason switch
                {
                    "CrashLoopBackOff" or "Error" or "OOMKilled" =>
                        $"Run kubectl logs -n {ns} {pod.Name} --previous to see why it crashes.",
                    "ErrImagePull" or "ImagePullBackOff" or "InvalidImageName" =>
                        "Check that the image exists and that the node may pull it.",
                    _ => $"Run kubectl describe pod -n {ns} {pod.Name} to see why it is not ready.",
                };
                return $"{cause} The rollout fails at its deadline; afterwards, Resume-ContainerVersion tries the version again.";
            }

            return rollout.Workloads.FirstOrDefault(w => w.BlockedBy is not null) is { } blocked
                ? $"Remove what blocks {blocked.Kind}/{blocked.Name} ({blocked.BlockedBy}): its time does not count while it is blocked."
                : "Wait longer: run the command again, or increase -Timeout.";
        }

        if (Version is null || Resource.Status!.CurrVersion == Version)
            return $"Run Get-CvRollout {name} -Namespace {ns} and Test-ContainerVersion {name} -Namespace {ns}, or increase -Timeout.";
        return (
                Resource.Followed is FollowedTag tag
                    ? $"Check that the tag points at the version: Get-CvRegistryTag {Resource.Spec.ImageRepo} -Tag {tag.Name}."
                    : $"Check that spec.versionPolicy selects the version: Test-ContainerVersion {name} -Namespace {ns}."
            ) + $" The controller reads the registry every {Resource.Spec.PollIntervalSeconds} s.";
    }

    private GateStatus? RunningGate => InProgress?.Gates?.FirstOrDefault(gate => gate.Phase == RolloutPhase.Progressing);

    /// <summary>A controller ends a rollout at its deadline, unless it is blocked.</summary>
    private bool IsLate(DateTimeOffset now) =>
        InProgress is { Deadline: { } deadline } rollout
        && RunningGate is null
        && now - Lateness > deadline
        && !rollout.Workloads.Any(w => w.BlockedSince is not null || w.BlockedSeconds > 0);

    private static string Describe(GateStatus gate) =>
        $"gate {gate.Image}"
        + (gate.Pod is { } pod ? $", pod {pod.Name}" : "")
        + (gate.Message is { } message ? $": {message}" : $": {gate.Phase}");

    /// <summary>
    /// The first trouble of the pods that the controller has recorded: the reports alternate, and "back-off" does not say that the image was
    /// not found. Null for a crash, whose last report has the number of crashes.
    /// </summary>
    private string? First(RolloutStatus rollout) =>
        Workloads.FirstOrDefault(w => w.Pods?.Any(pod => pod.IsProblem) == true) is { } failing
        && rollout.Workloads.FirstOrDefault(w => w.Kind == failing.Kind && w.Name == failing.Name)?.Trouble
            is { Kind: not TroubleKind.Crash } trouble
            ? trouble.Message
            : null;

    private bool ArePodsRead(WorkloadRolloutStatus entry) =>
        Workloads.Any(w => w.Kind == entry.Kind && w.Name == entry.Name && w.Pods is not null);

    private bool IsCurrent(Condition deciding) =>
        deciding is { Type: ConditionTypes.Ready, Status: "True" } && (Version is null || Resource.Status!.CurrVersion == Version);

    private static string Short(string? version) =>
        version is null ? ""
        : version.StartsWith("sha256:", StringComparison.Ordinal) && version.Length > 19 ? version[..19]
        : version;

    private static string OneLine(string text) => text.ReplaceLineEndings(" ");
}

/// <summary>A workload of a rollout that is waited for, as last seen.</summary>
public sealed record WorkloadState
{
    public required string Kind { get; init; }

    public required string Name { get; init; }

    /// <summary>The phase of the workload in the rollout; null if no rollout is in progress.</summary>
    public string? Phase { get; init; }

    /// <summary>The version of the container; null if the workload could not be read.</summary>
    public string? Version { get; init; }

    /// <summary>This and the other numbers are null if the kind has none, or if the workload could not be read.</summary>
    public int? Desired { get; init; }

    public int? Updated { get; init; }

    public int? Ready { get; init; }

    /// <summary>The pods that are not ready, and why; null if they were not read.</summary>
    public IReadOnlyList<UnreadyPod>? Pods { get; init; }

    /// <summary>Why the workload or its pods could not be read; null if they were.</summary>
    public string? Unread { get; init; }

    /// <summary>The state of a workload that was read, without its phase and pods.</summary>
    public static WorkloadState Of(ContainerVersion resource, Workload workload)
    {
        ArgumentNullException.ThrowIfNull(resource);
        ArgumentNullException.ThrowIfNull(workload);
        return new WorkloadState
        {
            Kind = workload.Kind,
            Name = workload.Name,
            Version = workload.FindContainer(resource.Spec.Container.Name) is { } container
                ? RunningVersion.VersionOf(container.Image)
                : null,
            Desired = workload.DesiredPods,
            Updated = workload.UpdatedPods,
            Ready = workload.ReadyPods,
        };
    }

    /// <summary>The numbers: <c>1/2 updated, 0/2 ready</c>. Empty if they are unknown.</summary>
    public string Counts =>
        Desired is null
            ? ""
            : string.Join(
                ", ",
                new[]
                {
                    Updated is null ? null : $"{Updated}/{Desired} updated",
                    Ready is null ? null : $"{Ready}/{Desired} ready",
                }.OfType<string>()
            );

    public override string ToString() =>
        $"{Kind}/{Name}: "
        + string.Join(
            ", ",
            new[] { Phase, Version is null ? null : $"version {Version}", Counts.Length == 0 ? null : Counts, Unread }.OfType<string>()
        );
}
