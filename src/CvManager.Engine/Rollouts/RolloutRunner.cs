using CvManager.Cluster;
using CvManager.Resources;
using CvManager.Workloads;

namespace CvManager.Rollouts;

/// <summary>What a step led to.</summary>
/// <param name="Status">The status that the resource is to have; it may be the one it has.</param>
/// <param name="ComeAgain">When there is something to do or to see again; null where only a change can bring it.</param>
/// <param name="Finished">The rollout that this step ended.</param>
public sealed record StepResult(ContainerVersionStatus Status, TimeSpan? ComeAgain, RolloutStatus? Finished = null);

/// <summary>
/// Carries out plans, a step at a time. Each step can be run again: what was done before it is read from the status and the
/// workloads, and nothing that matters is kept in memory (R10).
/// </summary>
/// <remarks>Thread-safe; two calls for one resource at the same time are the caller's mistake, and end in a status conflict.</remarks>
public sealed class RolloutRunner(WorkloadStore workloads, TimeProvider time)
{
    // How soon a rollout in progress is looked at again where no event comes: evidence of trouble is wanted within seconds at first,
    // and a rollout that takes an hour need not be looked at 3600 times.
    private static readonly TimeSpan LeastWait = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(10);

    /// <summary>Runs what can be run now.</summary>
    /// <param name="plan">Made from the world as it was just read.</param>
    /// <param name="status">The resource's status, with what the tag stands for in it.</param>
    /// <param name="writeIntent">Writes a status before anything is changed; a conflict there ends the step.</param>
    /// <param name="cancellationToken">Stops between two requests.</param>
    /// <exception cref="CvException">The cluster could not be asked, or refused; the step is to be run again.</exception>
    public async Task<StepResult> StepAsync(RolloutPlan plan, ContainerVersionStatus status,
        Func<ContainerVersionStatus, CancellationToken, Task> writeIntent, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(plan);
        ArgumentNullException.ThrowIfNull(status);
        ArgumentNullException.ThrowIfNull(writeIntent);
        Step step = new(this, plan, status, writeIntent);
        if (status.Rollout is not { } rollout || RolloutPhase.IsFinal(rollout.Phase))
            return await step.StartAsync(cancellationToken);
        if (plan.Verdict == PlanVerdict.Held)
            return step.Supersede(rollout, "It was suspended while it was in progress.");
        if (rollout.Phase != RolloutPhase.RollingBack && plan.Digest is { } digest && digest != rollout.Digest)
            return step.Supersede(rollout, $"Version {plan.Version} took its place.");
        return await step.AdvanceAsync(rollout, cancellationToken);
    }

    /// <summary>One step of one resource.</summary>
    private sealed class Step(RolloutRunner runner, RolloutPlan plan, ContainerVersionStatus status, Func<ContainerVersionStatus, CancellationToken, Task> writeIntent)
    {
        private readonly DateTimeOffset _now = runner.Now();
        private readonly ContainerVersionSpec _spec = plan.Resource.Spec;
        private readonly long? _generation = plan.Resource.Metadata.Generation;

        public async Task<StepResult> StartAsync(CancellationToken cancellationToken)
        {
            switch (plan.Verdict)
            {
                case PlanVerdict.UpToDate:
                    return new StepResult(Succeeded(status) with { Conditions = ConditionList.Ready(status.Conditions, plan.Reason, plan.Message, _generation, _now) }, null);
                case PlanVerdict.Held:
                    return new StepResult(status with { Conditions = ConditionList.Stale(status.Conditions, plan.Reason, plan.Message, _generation, _now) }, null);
                case PlanVerdict.Stalled:
                    bool transient = plan.Reason == ConditionReasons.RegistryUnavailable;
                    IReadOnlyList<Condition> conditions = transient
                        ? ConditionList.Stale(status.Conditions, plan.Reason, plan.Message, _generation, _now)
                        : ConditionList.Stalled(status.Conditions, plan.Reason, plan.Message, _generation, _now);
                    return new StepResult(status with { Conditions = conditions }, null);
                default:
                    RolloutStatus rollout = Intent();
                    await writeIntent(Progressing(rollout, plan.Message), cancellationToken);
                    return await AdvanceAsync(rollout, cancellationToken);
            }
        }

        public StepResult Supersede(RolloutStatus rollout, string message)
        {
            RolloutStatus ended = rollout with { Phase = RolloutPhase.Superseded, FinishedAt = _now, Message = message };
            return new StepResult(status with { Rollout = ended }, TimeSpan.Zero, ended);
        }

        public async Task<StepResult> AdvanceAsync(RolloutStatus rollout, CancellationToken cancellationToken) =>
            rollout.Phase == RolloutPhase.RollingBack ? await RollBackAsync(rollout, cancellationToken) : await RollOutAsync(rollout, cancellationToken);

        /// <summary>What is written before the first patch (R10): where every workload comes from and goes to.</summary>
        private RolloutStatus Intent()
        {
            bool again = status.Rollout is { Phase: RolloutPhase.Succeeded } last && last.Digest == plan.Digest && status.ObservedGeneration == _generation;
            return new RolloutStatus
            {
                Id = $"{_now:yyyyMMddHHmmss}-{plan.Digest!.Split(':')[^1][..6]}",
                Version = plan.Version!,
                Digest = plan.Digest!,
                Phase = RolloutPhase.Progressing,
                StartedAt = _now,
                Deadline = _now.AddSeconds(_spec.TimeoutSeconds),
                Repeats = again ? status.Rollout!.Repeats + 1 : 0,
                Workloads = [.. plan.Changes.Select(c => new WorkloadRolloutStatus
                {
                    Kind = c.Workload.Kind, Name = c.Workload.Name, FromImage = c.Container.Image, ToImage = c.ToImage, Phase = RolloutPhase.Pending,
                })],
            };
        }

        private async Task<StepResult> RollOutAsync(RolloutStatus rollout, CancellationToken cancellationToken)
        {
            List<WorkloadRolloutStatus> workloads = [];
            foreach (WorkloadRolloutStatus entry in rollout.Workloads)
                workloads.Add(await RollOutAsync(entry, cancellationToken));
            rollout = rollout with { Workloads = workloads };

            if (workloads.Find(w => w.Phase == RolloutPhase.Failed) is { } failed)
                return Fail(rollout, $"{failed.Kind}/{failed.Name}: {failed.Message}");
            if (workloads.TrueForAll(w => w.Phase == RolloutPhase.Superseded))
                return Supersede(rollout, "Its workloads are gone, or no longer selected.");
            if (workloads.TrueForAll(w => w.Phase is RolloutPhase.Succeeded or RolloutPhase.Superseded))
            {
                RolloutStatus ended = rollout with { Phase = RolloutPhase.Succeeded, FinishedAt = _now };
                ContainerVersionStatus success = Succeeded(status) with { Rollout = ended };
                return new StepResult(success with
                {
                    Conditions = ConditionList.Ready(status.Conditions, ConditionReasons.UpToDate,
                        Planner.UpToDate(plan.Resource, plan.Workloads, rollout.Version), _generation, _now),
                }, null, ended);
            }

            if (_now >= rollout.Deadline)
            {
                WorkloadRolloutStatus late = workloads.First(w => w.Phase is not (RolloutPhase.Succeeded or RolloutPhase.Superseded));
                return Fail(rollout, $"It was not done within timeoutSeconds ({_spec.TimeoutSeconds} s); {late.Kind}/{late.Name}: {late.Message}");
            }

            string waiting = string.Join("; ", workloads.Where(w => w.Phase == RolloutPhase.Progressing || w.Phase == RolloutPhase.Pending)
                .Select(w => $"{w.Kind}/{w.Name}: {w.Message}"));
            return new StepResult(Progressing(rollout, $"Rolling out version {rollout.Version}: {waiting}"), Wait(rollout));
        }

        private async Task<WorkloadRolloutStatus> RollOutAsync(WorkloadRolloutStatus entry, CancellationToken cancellationToken)
        {
            if (entry.Phase is RolloutPhase.Succeeded or RolloutPhase.Failed or RolloutPhase.Superseded)
                return entry;
            if (Find(entry) is not { } found)
                return entry with { Phase = RolloutPhase.Superseded, Message = "It is gone, or no longer selected." };
            (Workload workload, WorkloadContainer container) = found;
            if (container.Image != entry.ToImage)
            {
                // Not yet patched, or changed by somebody since: from what it has now (compare and swap, R3).
                ImagePatchOutcome outcome = await runner.SwapAsync(workload, container, entry.ToImage, cancellationToken);
                return outcome switch
                {
                    ImagePatchOutcome.Swapped => entry with { Phase = RolloutPhase.Progressing, Message = "patched" },
                    ImagePatchOutcome.Gone => entry with { Phase = RolloutPhase.Superseded, Message = "It is gone." },
                    _ => entry with { Message = "somebody else changed it meanwhile; it is read again" },
                };
            }

            WorkloadProgress progress = workload.Progress;
            if (progress.State == ProgressState.Done)
                return entry with { Phase = RolloutPhase.Succeeded, Message = progress.Message };
            string? trouble = await runner.TroubleAsync(workload, container, cancellationToken);
            string message = trouble is null ? progress.Message : $"{progress.Message}; {trouble}";
            return entry with { Phase = progress.State == ProgressState.Failed ? RolloutPhase.Failed : RolloutPhase.Progressing, Message = message };
        }

        /// <summary>R6: the digest stays out, and each workload that was patched goes back on the image that it had.</summary>
        private StepResult Fail(RolloutStatus rollout, string message)
        {
            ContainerVersionStatus failed = status with
            {
                CurrVersion = rollout.Version,
                CurrStatus = CurrentStatus.Failed,
                CurrStatusTime = _now,
                Quarantined =
                [
                    .. status.Quarantined?.Where(q => q.Digest != rollout.Digest) ?? [],
                    new QuarantinedDigest { Digest = rollout.Digest, Version = rollout.Version, Reason = message, At = _now },
                ],
            };
            bool patched = rollout.Workloads.Any(w => w.Phase is RolloutPhase.Progressing or RolloutPhase.Succeeded or RolloutPhase.Failed);
            if (_spec.Rollback.Enabled && patched)
            {
                rollout = rollout with { Phase = RolloutPhase.RollingBack, Message = message, Deadline = _now.AddSeconds(_spec.TimeoutSeconds) };
                return new StepResult(failed with
                {
                    Rollout = rollout,
                    Conditions = ConditionList.Reconciling(status.Conditions, ConditionReasons.RolloutFailed, $"Version {rollout.Version} failed and is rolled back: {message}", _generation, _now),
                }, TimeSpan.Zero);
            }

            return End(failed, rollout with { Phase = RolloutPhase.Failed, Message = message });
        }

        private async Task<StepResult> RollBackAsync(RolloutStatus rollout, CancellationToken cancellationToken)
        {
            List<WorkloadRolloutStatus> workloads = [];
            foreach (WorkloadRolloutStatus entry in rollout.Workloads)
                workloads.Add(await RollBackAsync(entry, cancellationToken));
            rollout = rollout with { Workloads = workloads };
            if (workloads.TrueForAll(w => RolloutPhase.IsFinal(w.Phase)))
                return End(status, rollout with { Phase = RolloutPhase.RolledBack });
            if (_now < rollout.Deadline)
            {
                return new StepResult(status with
                {
                    Rollout = rollout,
                    Conditions = ConditionList.Reconciling(status.Conditions, ConditionReasons.RolloutFailed, $"Version {rollout.Version} failed and is rolled back: {rollout.Message}", _generation, _now),
                }, Wait(rollout));
            }

            string stuck = string.Join("; ", workloads.Where(w => !RolloutPhase.IsFinal(w.Phase)).Select(w => $"{w.Kind}/{w.Name}: {w.Message}"));
            return End(status, rollout with { Phase = RolloutPhase.Failed, Message = $"{rollout.Message}; and it could not be rolled back: {stuck}" });
        }

        private async Task<WorkloadRolloutStatus> RollBackAsync(WorkloadRolloutStatus entry, CancellationToken cancellationToken)
        {
            if (entry.Phase is RolloutPhase.RolledBack or RolloutPhase.Superseded)
                return entry;
            if (Find(entry) is not { } found)
                return entry with { Phase = RolloutPhase.Superseded, Message = "It is gone, or no longer selected." };
            (Workload workload, WorkloadContainer container) = found;
            if (container.Image == entry.ToImage)
            {
                ImagePatchOutcome outcome = await runner.SwapAsync(workload, container, entry.FromImage, cancellationToken);
                return entry with { Phase = RolloutPhase.RollingBack, Message = outcome == ImagePatchOutcome.Swapped ? "put back" : "somebody else changed it meanwhile; it is read again" };
            }

            if (container.Image != entry.FromImage)
                return entry with { Phase = RolloutPhase.Superseded, Message = $"Somebody else put {container.Image} on it; it is left so." };
            return workload.Progress.State == ProgressState.Done
                ? entry with { Phase = RolloutPhase.RolledBack, Message = $"back on {entry.FromImage}" }
                : entry with { Phase = RolloutPhase.RollingBack, Message = workload.Progress.Message };
        }

        private TimeSpan Wait(RolloutStatus rollout)
        {
            TimeSpan wait = (_now - rollout.StartedAt) / 10;
            return wait < LeastWait ? LeastWait : wait > LongestWait ? LongestWait : wait;
        }

        private StepResult End(ContainerVersionStatus failed, RolloutStatus rollout)
        {
            RolloutStatus ended = rollout with { FinishedAt = _now };
            string outcome = ended.Phase == RolloutPhase.RolledBack ? "failed and was rolled back" : "failed";
            return new StepResult(failed with
            {
                Rollout = ended,
                Conditions = ConditionList.Stalled(status.Conditions, ConditionReasons.RolloutFailed, $"Version {ended.Version} {outcome}: {ended.Message}", _generation, _now),
            }, null, ended);
        }

        private ContainerVersionStatus Progressing(RolloutStatus rollout, string message) => status with
        {
            CurrVersion = rollout.Version,
            CurrStatus = CurrentStatus.Progressing,
            CurrStatusTime = status.CurrStatus == CurrentStatus.Progressing && status.CurrVersion == rollout.Version ? status.CurrStatusTime : _now,
            ObservedGeneration = _generation,
            Rollout = rollout,
            Conditions = ConditionList.Reconciling(status.Conditions, ConditionReasons.RolloutInProgress, message, _generation, _now),
        };

        private ContainerVersionStatus Succeeded(ContainerVersionStatus before) => before with
        {
            CurrVersion = plan.Version,
            CurrStatus = CurrentStatus.Success,
            CurrStatusTime = before.CurrStatus == CurrentStatus.Success && before.CurrVersion == plan.Version ? before.CurrStatusTime : _now,
            SuccessVersion = plan.Version,
        };

        private (Workload Workload, WorkloadContainer Container)? Find(WorkloadRolloutStatus entry) =>
            plan.Workloads.FirstOrDefault(w => w.Kind == entry.Kind && w.Name == entry.Name) is { } workload
            && workload.FindContainer(_spec.Container.Name) is { } container ? (workload, container) : null;
    }

    private DateTimeOffset Now()
    {
        // The status keeps whole seconds: a time that it gives back must equal the one that was put in.
        DateTimeOffset now = time.GetUtcNow();
        return now.AddTicks(-(now.Ticks % TimeSpan.TicksPerSecond));
    }

    private Task<ImagePatchOutcome> SwapAsync(Workload workload, WorkloadContainer container, string to, CancellationToken cancellationToken) =>
        workloads.SwapImageAsync(workload, container, to, cancellationToken);

    private Task<string?> TroubleAsync(Workload workload, WorkloadContainer container, CancellationToken cancellationToken) =>
        workloads.FindTroubleAsync(workload, container, cancellationToken);
}
