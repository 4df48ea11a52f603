using CvManager.Resources;
using CvManager.Workloads;

namespace CvManager.Rollouts;

/// <summary>One step of one resource: from its plan and status to the status that it has afterwards.</summary>
internal sealed class RolloutStep(RolloutParts parts, RolloutPlan plan, ContainerVersionStatus status, Func<ContainerVersionStatus, CancellationToken, Task> writeStatus,
    DateTimeOffset now)
{
    // How soon a rollout in progress is looked at again where no event comes: evidence of trouble is wanted within seconds at first,
    // and a rollout that takes an hour need not be looked at 3600 times.
    private static readonly TimeSpan LeastWait = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(10);

    private readonly ContainerVersionSpec _spec = plan.Resource.Spec;
    private readonly long? _generation = plan.Resource.Metadata.Generation;

    public DateTimeOffset Now => now;

    public RolloutPlan Plan => plan;

    public RolloutParts Parts => parts;

    /// <summary>No rollout is in progress: begins one where the plan says so.</summary>
    public async Task<StepResult> StartAsync(CancellationToken cancellationToken)
    {
        switch (plan.Verdict)
        {
            case PlanVerdict.UpToDate:
                return new StepResult(Succeeded(status, plan.Version) with { Conditions = ConditionList.Ready(status.Conditions, plan.Reason, plan.Message, _generation, now) }, null);
            case PlanVerdict.Held:
                return new StepResult(status with { Conditions = ConditionList.Stale(status.Conditions, plan.Reason, plan.Message, _generation, now) }, null);
            case PlanVerdict.Stalled:
                bool transient = plan.Reason == ConditionReasons.RegistryUnavailable;
                IReadOnlyList<Condition> conditions = transient
                    ? ConditionList.Stale(status.Conditions, plan.Reason, plan.Message, _generation, now)
                    : ConditionList.Stalled(status.Conditions, plan.Reason, plan.Message, _generation, now);
                return new StepResult(status with { Conditions = conditions }, null);
            default:
                RolloutStatus rollout = Intent();
                await WriteAsync(rollout, plan.Message, cancellationToken);
                return await AdvanceAsync(rollout, cancellationToken);
        }
    }

    public async Task<StepResult> SupersedeAsync(RolloutStatus rollout, string message, CancellationToken cancellationToken)
    {
        await parts.Gates.CleanUpAsync(plan.Resource, rollout, cancellationToken);
        RolloutStatus ended = rollout with { Phase = RolloutPhase.Superseded, FinishedAt = now, Message = message };
        return new StepResult(status with { Rollout = ended }, TimeSpan.Zero, ended);
    }

    public async Task<StepResult> AdvanceAsync(RolloutStatus rollout, CancellationToken cancellationToken)
    {
        if (rollout.Phase == RolloutPhase.RollingBack)
            return await RollBackAsync(rollout, cancellationToken);
        if (rollout.Phase == RolloutPhase.Verifying)
        {
            (rollout, bool? passed, string message) = await RunGatesAsync(rollout, GateStage.Container, cancellationToken);
            if (passed == false)
                return await FailAsync(rollout, message, cancellationToken);
            if (passed is null)
                return await WaitAsync(rollout, message, cancellationToken);
            // That the gates have passed stands in the status before anything is changed.
            rollout = rollout with { Phase = RolloutPhase.Progressing };
            await WriteAsync(rollout, $"Rolling out version {rollout.Version}: its gates have passed.", cancellationToken);
        }

        return rollout.BlueGreen is null ? await RollOutAsync(rollout, cancellationToken) : await new BlueGreenStrategy(this).RollOutAsync(rollout, cancellationToken);
    }

    /// <summary>Advances the gates of a stage; what has ended is written down, and only then taken away.</summary>
    public async Task<(RolloutStatus Rollout, bool? IsPassed, string Message)> RunGatesAsync(RolloutStatus rollout, string stage, CancellationToken cancellationToken)
    {
        string[] secrets = [.. plan.Workloads.SelectMany(w => w.ImagePullSecrets).Distinct(StringComparer.Ordinal)];
        (RolloutStatus after, bool? passed, string message) = await parts.Gates.AdvanceAsync(plan.Resource, rollout, stage, secrets, now, cancellationToken);
        if (Ended(after) > Ended(rollout))
        {
            await WriteAsync(after, $"Verifying version {rollout.Version}: {message}", cancellationToken);
            await parts.Gates.CleanUpAsync(plan.Resource, after, cancellationToken);
        }

        return (after, passed, message);

        static int Ended(RolloutStatus rollout) => rollout.Gates?.Count(gate => gate.Phase is RolloutPhase.Succeeded or RolloutPhase.Failed) ?? 0;
    }

    /// <summary>
    /// Brings its image to each workload that is not over with, and says so in the entries. R3: where somebody changes one back, that counts
    /// as a repeat of the rollout; after the last one it is left so.
    /// </summary>
    /// <returns>The rollout, and the workload that is left to somebody else; null where none is.</returns>
    public async Task<(RolloutStatus Rollout, WorkloadRolloutStatus? Contended)> DeliverAsync(RolloutStatus rollout, CancellationToken cancellationToken)
    {
        List<WorkloadRolloutStatus> workloads = [];
        bool repeated = false;
        foreach (WorkloadRolloutStatus entry in rollout.Workloads)
        {
            if (entry.Phase is RolloutPhase.Succeeded or RolloutPhase.Failed or RolloutPhase.Superseded)
            {
                workloads.Add(entry);
                continue;
            }

            bool wasPatched = entry.Phase == RolloutPhase.Progressing;
            if (wasPatched && rollout.Repeats >= Planner.MostRepeats && await IsChangedBackAsync(entry, cancellationToken))
                return (rollout, entry);
            (WorkloadRolloutStatus after, bool swapped) = await DeliverAsync(entry, entry.ToImage, cancellationToken);
            workloads.Add(after);
            repeated |= wasPatched && swapped;
        }

        return (rollout with { Workloads = workloads, Repeats = rollout.Repeats + (repeated ? 1 : 0) }, null);
    }

    /// <summary>Ends a rollout that somebody fights; the plan sees by its repeats that it is not to be begun again.</summary>
    public Task<StepResult> GiveWayAsync(RolloutStatus rollout, WorkloadRolloutStatus contended, CancellationToken cancellationToken) => SupersedeAsync(rollout,
        $"The image of {contended.Kind}/{contended.Name} was changed back again and again while it was rolled out; it is left so.", cancellationToken);

    /// <summary>It goes on: its status says what it waits for. Past its deadline, it fails.</summary>
    public async Task<StepResult> WaitAsync(RolloutStatus rollout, string message, CancellationToken cancellationToken) => now >= rollout.Deadline
        ? await FailAsync(rollout, $"It was not done within timeoutSeconds ({_spec.TimeoutSeconds} s); {message}", cancellationToken)
        : new StepResult(Progressing(rollout, $"{(rollout.Phase == RolloutPhase.Verifying ? "Verifying" : "Rolling out")} version {rollout.Version}: {message}"), Wait(rollout));

    /// <summary>It goes on at a time that is known, whatever its deadline.</summary>
    public StepResult WaitFor(RolloutStatus rollout, string message, TimeSpan wait) => new(Progressing(rollout, $"Rolling out version {rollout.Version}: {message}"), wait);

    /// <summary>Writes where it stands before it goes on: what comes next must not be without that.</summary>
    public Task WriteAsync(RolloutStatus rollout, string message, CancellationToken cancellationToken) => writeStatus(Progressing(rollout, message), cancellationToken);

    public async Task<StepResult> SucceedAsync(RolloutStatus rollout, CancellationToken cancellationToken)
    {
        await parts.Gates.CleanUpAsync(plan.Resource, rollout, cancellationToken);
        RolloutStatus ended = rollout with { Phase = RolloutPhase.Succeeded, FinishedAt = now };
        return new StepResult(Succeeded(status, rollout.Version) with
        {
            Rollout = ended,
            Conditions = ConditionList.Ready(status.Conditions, ConditionReasons.UpToDate, Planner.UpToDate(plan.Resource, plan.Workloads, rollout.Version), _generation, now),
        }, null, ended);
    }

    /// <summary>R6: the digest stays out, and each workload that was patched goes back on the image that it had.</summary>
    public async Task<StepResult> FailAsync(RolloutStatus rollout, string message, CancellationToken cancellationToken)
    {
        await parts.Gates.CleanUpAsync(plan.Resource, rollout, cancellationToken);
        ContainerVersionStatus failed = status with
        {
            CurrVersion = rollout.Version,
            CurrStatus = CurrentStatus.Failed,
            CurrStatusTime = now,
            Quarantined =
            [
                .. status.Quarantined?.Where(q => q.Digest != rollout.Digest) ?? [],
                new QuarantinedDigest { Digest = rollout.Digest, Version = rollout.Version, Reason = message, At = now },
            ],
        };
        bool patched = rollout.Workloads.Any(w => w.Phase is RolloutPhase.Progressing or RolloutPhase.Succeeded or RolloutPhase.Failed);
        if (_spec.Rollback.Enabled && patched)
        {
            rollout = rollout with { Phase = RolloutPhase.RollingBack, Message = message, Deadline = now.AddSeconds(_spec.TimeoutSeconds) };
            return new StepResult(failed with { Rollout = rollout, Conditions = RollingBack(rollout) }, TimeSpan.Zero);
        }

        return End(failed, rollout with { Phase = RolloutPhase.Failed, Message = message });
    }

    /// <summary>The workload of an entry as it was last seen; null where it is gone or no longer selected.</summary>
    public (Workload Workload, WorkloadContainer Container)? Find(WorkloadRolloutStatus entry) =>
        plan.Workloads.FirstOrDefault(w => w.Kind == entry.Kind && w.Name == entry.Name) is { } workload
        && workload.FindContainer(_spec.Container.Name) is { } container ? (workload, container) : null;

    /// <summary>What is written before the first patch (R10): where every workload comes from and goes to.</summary>
    private RolloutStatus Intent()
    {
        bool again = status.Rollout is { Phase: RolloutPhase.Succeeded } last && last.Digest == plan.Digest && status.ObservedGeneration == _generation;
        IReadOnlyList<GateStatus>? gates = GateRunner.Plan(_spec);
        return new RolloutStatus
        {
            Id = NewId(),
            Version = plan.Version!,
            Digest = plan.Digest!,
            Phase = gates?.Any(gate => gate.Stage == GateStage.Container) == true ? RolloutPhase.Verifying : RolloutPhase.Progressing,
            StartedAt = now,
            Deadline = now.AddSeconds(_spec.TimeoutSeconds),
            Repeats = again ? status.Rollout!.Repeats + 1 : 0,
            StartedBy = _spec.PinVersion.Length > 0 ? Hold.Of(plan.Resource)?.By ?? "a person" : null,
            StartedFor = _spec.PinVersion.Length > 0 ? Hold.Of(plan.Resource)?.Reason : null,
            Gates = gates,
            BlueGreen = plan.BlueGreen is { } pair
                ? new BlueGreenStatus
                {
                    Live = pair.Live.Reference, Idle = pair.Idle.Reference, IdleReplicas = pair.Idle.DesiredPods ?? 0,
                    Service = _spec.Strategy.BlueGreen!.ServiceName, LabelNames = _spec.Strategy.BlueGreen.LabelNames,
                } : null,
            Workloads = [.. plan.Changes.Select(c => new WorkloadRolloutStatus
            {
                Kind = c.Workload.Kind, Name = c.Workload.Name, FromImage = FormerImage(c), ToImage = c.ToImage, Phase = RolloutPhase.Pending,
            })],
        };
    }

    /// <summary>By time and digest, and a number where the last rollout of this very second was of the same digest: R8 goes by it.</summary>
    private string NewId()
    {
        string id = $"{now:yyyyMMddHHmmss}-{plan.Digest!.Split(':')[^1][..6]}";
        string last = status.Rollout?.Id ?? "";
        return last == id ? $"{id}-2"
            : last.StartsWith(id + "-", StringComparison.Ordinal) && int.TryParse(last.AsSpan(id.Length + 1), out int number) ? $"{id}-{number + 1}"
            : id;
    }

    /// <summary>
    /// What a workload goes back to. A version that was superseded on its way is none to go back to: then it is what that one came from.
    /// </summary>
    private string FormerImage(PlannedChange change) =>
        status.Rollout is { Phase: RolloutPhase.Superseded } last
        && last.Workloads.FirstOrDefault(w => w.Kind == change.Workload.Kind && w.Name == change.Workload.Name) is { } entry
        && entry.ToImage == change.Container.Image && entry.Phase != RolloutPhase.Succeeded ? entry.FromImage : change.Container.Image;

    private async Task<StepResult> RollOutAsync(RolloutStatus rollout, CancellationToken cancellationToken)
    {
        (rollout, WorkloadRolloutStatus? contended) = await DeliverAsync(rollout, cancellationToken);
        if (contended is not null)
            return await GiveWayAsync(rollout, contended, cancellationToken);
        List<WorkloadRolloutStatus> workloads = [.. rollout.Workloads];
        if (workloads.Find(w => w.Phase == RolloutPhase.Failed) is { } failed)
            return await FailAsync(rollout, $"{failed.Kind}/{failed.Name}: {failed.Message}", cancellationToken);
        if (workloads.TrueForAll(w => w.Phase == RolloutPhase.Superseded))
            return await SupersedeAsync(rollout, "Its workloads are gone, or no longer selected.", cancellationToken);
        List<WorkloadRolloutStatus> waiting = [.. workloads.Where(w => w.Phase is not (RolloutPhase.Succeeded or RolloutPhase.Superseded))];
        if (waiting.Count == 0)
            return await SucceedAsync(rollout, cancellationToken);
        string message = string.Join("; ", waiting.Select(w => $"{w.Kind}/{w.Name}: {w.Message}"));
        // A Job that is active is waited for as long as it takes (R4).
        return waiting.TrueForAll(w => WorkloadKind.Find(w.Kind).Delivery == Delivery.Recreate)
            ? WaitFor(rollout, message, Wait(rollout)) : await WaitOrSeeAsync(rollout, waiting, message, cancellationToken);
    }

    private async Task<(WorkloadRolloutStatus Entry, bool IsSwapped)> DeliverAsync(WorkloadRolloutStatus entry, string image, CancellationToken cancellationToken)
    {
        DeliveryProgress progress = Find(entry) is { } found
            ? await parts.Delivery.AdvanceAsync(found.Workload, found.Container, image, _spec.Rollback.FailFast, entry.Message, cancellationToken)
            : await parts.Delivery.AdvanceAbsentAsync(entry.Kind, plan.Resource.Metadata.Namespace!, entry.Name, _spec.Container.Name, image, cancellationToken);
        WorkloadRolloutStatus after = entry with
        {
            Message = progress.Message,
            Phase = progress.State switch
            {
                DeliveryState.Done => RolloutPhase.Succeeded,
                DeliveryState.Failed => RolloutPhase.Failed,
                DeliveryState.Gone => RolloutPhase.Superseded,
                _ => progress.IsPatched ? RolloutPhase.Progressing : entry.Phase,
            },
        };
        return (after, progress.IsSwapped);
    }

    /// <summary>Whether it has another image than the rollout put there; read afresh, as a watch may tell late.</summary>
    private async Task<bool> IsChangedBackAsync(WorkloadRolloutStatus entry, CancellationToken cancellationToken) =>
        Find(entry) is { } seen && seen.Container.Image != entry.ToImage
        && await parts.Workloads.FindAsync(seen.Workload, cancellationToken) is { } now && now.FindContainer(_spec.Container.Name)?.Image != entry.ToImage;

    /// <summary>Before a rollout fails for its deadline, its workloads are read afresh: a watch may have told nothing for minutes.</summary>
    private async Task<StepResult> WaitOrSeeAsync(RolloutStatus rollout, IEnumerable<WorkloadRolloutStatus> waiting, string message, CancellationToken cancellationToken)
    {
        if (now < rollout.Deadline)
            return await WaitAsync(rollout, message, cancellationToken);
        foreach (WorkloadRolloutStatus entry in waiting)
        {
            if (Find(entry) is { } found && await parts.Workloads.FindAsync(found.Workload, cancellationToken) is { } fresh && fresh.ResourceVersion != found.Workload.ResourceVersion)
                return WaitFor(rollout, message, LeastWait);
        }

        return await WaitAsync(rollout, message, cancellationToken);
    }

    private async Task<StepResult> RollBackAsync(RolloutStatus rollout, CancellationToken cancellationToken)
    {
        if (rollout.BlueGreen is not null)
        {
            (bool isBack, string where) = await new BlueGreenStrategy(this).CutBackAsync(rollout, cancellationToken);
            if (!isBack && now < rollout.Deadline)
                return new StepResult(status with { Rollout = rollout, Conditions = RollingBack(rollout, where) }, LeastWait);
        }

        List<WorkloadRolloutStatus> workloads = [];
        foreach (WorkloadRolloutStatus entry in rollout.Workloads)
            workloads.Add(await RollBackAsync(entry, cancellationToken));
        rollout = rollout with { Workloads = workloads };
        if (workloads.TrueForAll(w => RolloutPhase.IsFinal(w.Phase)))
            return End(status, rollout with { Phase = RolloutPhase.RolledBack });
        if (now < rollout.Deadline)
            return new StepResult(status with { Rollout = rollout, Conditions = RollingBack(rollout) }, Wait(rollout));
        string stuck = string.Join("; ", workloads.Where(w => !RolloutPhase.IsFinal(w.Phase)).Select(w => $"{w.Kind}/{w.Name}: {w.Message}"));
        return End(status, rollout with { Phase = RolloutPhase.Failed, Message = $"{rollout.Message}; and it could not be rolled back: {stuck}" });
    }

    private async Task<WorkloadRolloutStatus> RollBackAsync(WorkloadRolloutStatus entry, CancellationToken cancellationToken)
    {
        // Pending: it was never touched.
        if (entry.Phase is RolloutPhase.RolledBack or RolloutPhase.Superseded)
            return entry;
        if (Find(entry) is { Container.Image: { } image } && image != entry.ToImage && image != entry.FromImage)
            return entry with { Phase = RolloutPhase.Superseded, Message = $"Somebody else put {image} on it; it is left so." };
        (WorkloadRolloutStatus back, _) = await DeliverAsync(entry, entry.FromImage, cancellationToken);
        return entry with
        {
            Message = back.Phase == RolloutPhase.Succeeded ? $"back on {entry.FromImage}" : back.Message,
            Phase = back.Phase switch
            {
                RolloutPhase.Succeeded => RolloutPhase.RolledBack,
                RolloutPhase.Superseded => RolloutPhase.Superseded,
                _ => RolloutPhase.RollingBack,
            },
        };
    }

    private TimeSpan Wait(RolloutStatus rollout)
    {
        TimeSpan wait = (now - rollout.StartedAt) / 10;
        return wait < LeastWait ? LeastWait : wait > LongestWait ? LongestWait : wait;
    }

    private IReadOnlyList<Condition> RollingBack(RolloutStatus rollout, string? where = null) => ConditionList.Reconciling(status.Conditions, ConditionReasons.RolloutFailed,
        $"Version {rollout.Version} failed and is rolled back: {rollout.Message}{(where is null ? "" : $" ({where})")}", _generation, now);

    private StepResult End(ContainerVersionStatus failed, RolloutStatus rollout)
    {
        RolloutStatus ended = rollout with { FinishedAt = now };
        string outcome = ended.Phase == RolloutPhase.RolledBack ? "failed and was rolled back" : "failed";
        return new StepResult(failed with
        {
            Rollout = ended,
            Conditions = ConditionList.Stalled(status.Conditions, ConditionReasons.RolloutFailed, $"Version {ended.Version} {outcome}: {ended.Message}", _generation, now),
        }, null, ended);
    }

    private ContainerVersionStatus Progressing(RolloutStatus rollout, string message) => status with
    {
        CurrVersion = rollout.Version,
        CurrStatus = CurrentStatus.Progressing,
        CurrStatusTime = status.CurrStatus == CurrentStatus.Progressing && status.CurrVersion == rollout.Version ? status.CurrStatusTime : now,
        ObservedGeneration = _generation,
        Rollout = rollout,
        Conditions = ConditionList.Reconciling(status.Conditions, ConditionReasons.RolloutInProgress, message, _generation, now),
    };

    private ContainerVersionStatus Succeeded(ContainerVersionStatus before, string? version) => before with
    {
        CurrVersion = version,
        CurrStatus = CurrentStatus.Success,
        CurrStatusTime = before.CurrStatus == CurrentStatus.Success && before.CurrVersion == version ? before.CurrStatusTime : now,
        SuccessVersion = version,
    };
}
