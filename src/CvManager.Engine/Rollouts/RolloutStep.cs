using System.Security.Cryptography;
using System.Text;
using CvManager.Cluster;
using CvManager.Resources;
using CvManager.Workloads;

namespace CvManager.Rollouts;

/// <summary>One step of one resource: carries out what can be done now, and returns the new status.</summary>
internal sealed class RolloutStep(
    RolloutParts parts,
    RolloutPlan plan,
    ContainerVersionStatus status,
    Func<ContainerVersionStatus, CancellationToken, Task> writeStatus,
    DateTimeOffset now
)
{
    // When a rollout in progress is checked again without an event: within seconds at first, to detect failures early, but a rollout that
    // takes an hour need not be checked 3600 times.
    private static readonly TimeSpan MinWait = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan MaxWait = TimeSpan.FromSeconds(10);

    private readonly ContainerVersionSpec _spec = plan.Resource.Spec;
    private readonly long? _generation = plan.Resource.Metadata.Generation;

    public DateTimeOffset Now => now;

    public RolloutPlan Plan => plan;

    public RolloutParts Parts => parts;

    /// <summary>Starts a rollout if the plan requires one. No rollout is in progress.</summary>
    public async Task<StepResult> StartAsync(CancellationToken cancellationToken)
    {
        switch (plan.Verdict)
        {
            case PlanVerdict.UpToDate:
                return new StepResult(
                    plan.Reason == ConditionReasons.UpToDate
                        ? Succeeded(status, plan.Version) with
                        {
                            Conditions = ConditionList.Ready(status.Conditions, plan.Reason, plan.Message, _generation, now),
                        }
                        : NotReady(status, plan.Version) with
                        {
                            Conditions = ConditionList.Reconciling(status.Conditions, plan.Reason, plan.Message, _generation, now),
                        },
                    null
                );
            case PlanVerdict.Held:
                return new StepResult(
                    status with
                    {
                        Conditions = ConditionList.Stale(status.Conditions, plan.Reason, plan.Message, _generation, now),
                    },
                    null
                );
            case PlanVerdict.Stalled:
                var transient = plan.Reason == ConditionReasons.RegistryUnavailable;
                var conditions = transient
                    ? ConditionList.Stale(status.Conditions, plan.Reason, plan.Message, _generation, now)
                    : ConditionList.Stalled(status.Conditions, plan.Reason, plan.Message, _generation, now);
                return new StepResult(status with { Conditions = conditions }, null);
            default:
                var rollout = Intent();
                await WriteAsync(rollout, plan.Message, cancellationToken);
                return await AdvanceAsync(rollout, cancellationToken);
        }
    }

    public async Task<StepResult> SupersedeAsync(RolloutStatus rollout, string message, CancellationToken cancellationToken)
    {
        await parts.Gates.CleanUpAsync(plan.Resource, rollout, null, cancellationToken);
        var ended = rollout with { Phase = RolloutPhase.Superseded, FinishedAt = now, Message = message };
        return new StepResult(status with { Rollout = ended }, TimeSpan.Zero, ended);
    }

    public async Task<StepResult> AdvanceAsync(RolloutStatus rollout, CancellationToken cancellationToken)
    {
        if (rollout.Phase == RolloutPhase.RollingBack)
            return await RollBackAsync(rollout, cancellationToken);
        if (rollout.Phase == RolloutPhase.Verifying)
        {
            (rollout, var passed, var message) = await RunGatesAsync(rollout, GateStage.Container, cancellationToken);
            if (passed == false)
                return await FailAsync(rollout, message, cancellationToken);
            if (passed is null)
                return WaitForGate(rollout, message);
            // The status says that the gates have passed before anything is changed.
            rollout = rollout with
            {
                Phase = RolloutPhase.Progressing,
            };
            await WriteAsync(rollout, $"Rolling out version {rollout.Version}: all gates passed.", cancellationToken);
        }

        return rollout.BlueGreen is null
            ? await RollOutAsync(rollout, cancellationToken)
            : await new BlueGreenStrategy(this).RollOutAsync(rollout, cancellationToken);
    }

    /// <summary>Advances the gates of a stage. The result of a gate is written to the status before its pod is deleted.</summary>
    public async Task<(RolloutStatus Rollout, bool? IsPassed, string Message)> RunGatesAsync(
        RolloutStatus rollout,
        string stage,
        CancellationToken cancellationToken
    )
    {
        string[] secrets = [.. plan.Workloads.SelectMany(w => w.ImagePullSecrets).Distinct(StringComparer.Ordinal)];
        (var after, var passed, var message) = await parts.Gates.AdvanceAsync(
            plan.Resource,
            rollout,
            stage,
            secrets,
            now,
            WriteVerifyingAsync,
            cancellationToken
        );
        if (Ended(after) > Ended(rollout))
        {
            // The time of gates does not count against the rollout's timeout.
            after = after with
            {
                Deadline = now.AddSeconds(_spec.TimeoutSeconds),
            };
            await WriteVerifyingAsync(after, message, cancellationToken);
            await parts.Gates.CleanUpAsync(
                plan.Resource,
                after,
                after.Gates!.ToList().FindLastIndex(g => IsEnded(g) && g.Stage == stage),
                cancellationToken
            );
        }

        return (after, passed, message);

        Task WriteVerifyingAsync(RolloutStatus at, string what, CancellationToken token) =>
            WriteAsync(at, $"Verifying version {rollout.Version}: {what}", token);

        static int Ended(RolloutStatus rollout) => rollout.Gates?.Count(IsEnded) ?? 0;

        static bool IsEnded(GateStatus gate) => gate.Phase is RolloutPhase.Succeeded or RolloutPhase.Failed;
    }

    /// <summary>
    /// Delivers the image to each unfinished workload, and updates the entries. R3: if another client changes an image back, that counts as a
    /// repeat of the rollout; after the last repeat the image is left unchanged.
    /// </summary>
    /// <returns>The rollout, and the contended workload; null if there is none.</returns>
    public async Task<(RolloutStatus Rollout, WorkloadRolloutStatus? Contended)> DeliverAsync(
        RolloutStatus rollout,
        CancellationToken cancellationToken
    )
    {
        var repeated = false;
        foreach (var entry in rollout.Workloads)
        {
            if (entry.Phase is RolloutPhase.Succeeded or RolloutPhase.Failed or RolloutPhase.Superseded)
                continue;
            var wasPatched = entry.Phase == RolloutPhase.Progressing;
            if (wasPatched && rollout.Repeats >= Planner.MaxRepeats && await IsChangedBackAsync(Order(rollout, entry), cancellationToken))
                return (rollout, entry);
            (var progress, rollout) = await DeliverAsync(rollout, Order(rollout, entry), cancellationToken);
            // The webhook would rewrite it again: do not repeat (R3).
            if (progress.State == DeliveryState.Overruled)
                return (
                    rollout with
                    {
                        Repeats = Planner.MaxRepeats,
                    },
                    rollout.Workloads.First(w => w.Kind == entry.Kind && w.Name == entry.Name)
                );
            repeated |= wasPatched && progress.IsSwapped;
        }

        return (rollout with { Repeats = rollout.Repeats + (repeated ? 1 : 0) }, null);
    }

    /// <summary>The delivery order for a workload of the rollout.</summary>
    public DeliveryOrder Order(RolloutStatus rollout, WorkloadRolloutStatus entry) =>
        new(entry, entry.ToImage, rollout.Digest)
        {
            FailFast = _spec.Rollback.FailFast,
            IsDue = IsDue(rollout, entry),
            Rewrites = rollout.Rewrites ?? [],
            Since = rollout.StartedAt,
            Now = now,
        };

    /// <summary>The rollout with the updated entry of one workload.</summary>
    public RolloutStatus With(RolloutStatus rollout, WorkloadRolloutStatus entry, DeliveryProgress progress, string? asked = null)
    {
        var blocked = progress.BlockedBy is not null;
        var after = entry with
        {
            Message = progress.Message,
            Phase = progress.State switch
            {
                DeliveryState.Done => RolloutPhase.Succeeded,
                DeliveryState.Failed => RolloutPhase.Failed,
                DeliveryState.Gone or DeliveryState.Overruled => RolloutPhase.Superseded,
                _ => progress.IsPatched ? RolloutPhase.Progressing : entry.Phase,
            },
            Baseline = progress.Baseline ?? entry.Baseline,
            Trouble =
                progress.Trouble is { NamesCause: true } trouble && entry.Trouble?.Kind != trouble.Kind
                    ? new WorkloadTrouble(trouble.Kind, trouble.Message)
                    : entry.Trouble,
            Replacement = progress.State == DeliveryState.Waiting ? progress.Replacement : null,
            BlockedBy = progress.IsSeen ? progress.BlockedBy : entry.BlockedBy,
            BlockedSince =
                !progress.IsSeen ? entry.BlockedSince
                : blocked ? entry.BlockedSince ?? now
                : null,
            BlockedSeconds = progress.IsSeen && !blocked ? (int)BlockedTime(entry).TotalSeconds : entry.BlockedSeconds,
        };
        var to = asked ?? entry.ToImage;
        return rollout with
        {
            Workloads = [.. rollout.Workloads.Select(w => w.Kind == entry.Kind && w.Name == entry.Name ? after : w)],
            Rewrites = progress.Answered is null
                ? rollout.Rewrites
                :
                [
                    .. rollout.Rewrites?.Where(r => (r.Kind, r.Name, r.Asked) != (entry.Kind, entry.Name, to)) ?? [],
                    new ImageRewrite(entry.Kind, entry.Name, to, progress.Answered),
                ],
        };
    }

    /// <summary>Ends a contended rollout; its repeats keep the planner from starting it again.</summary>
    public Task<StepResult> EndContendedAsync(
        RolloutStatus rollout,
        WorkloadRolloutStatus contended,
        CancellationToken cancellationToken
    ) =>
        SupersedeAsync(
            rollout,
            contended.Phase == RolloutPhase.Superseded
                ? $"{contended.Kind}/{contended.Name}: {contended.Message}"
                : $"The image of {contended.Kind}/{contended.Name} was changed back repeatedly during the rollout; it is left unchanged.",
            cancellationToken
        );

    /// <summary>Continues later, with what it waits for in the status; fails after the deadline.</summary>
    public async Task<StepResult> WaitAsync(RolloutStatus rollout, string message, CancellationToken cancellationToken)
    {
        var blocked = Blocking(rollout);
        return blocked is null && rollout.Workloads.All(entry => IsDue(rollout, entry)) && now >= rollout.Deadline
            ? await FailAsync(
                rollout,
                $"The rollout did not complete within timeoutSeconds ({_spec.TimeoutSeconds} s): {message}",
                cancellationToken
            )
            : new StepResult(
                Progressing(
                    rollout,
                    $"{(rollout.Phase == RolloutPhase.Verifying ? "Verifying" : "Rolling out")} version {rollout.Version}: {message}",
                    blocked?.BlockedBy
                ),
                Wait(rollout)
            );
    }

    /// <summary>The workload that blocks the rollout, if all unfinished workloads are blocked; otherwise null, because the others may still time out.</summary>
    private static WorkloadRolloutStatus? Blocking(RolloutStatus rollout)
    {
        List<WorkloadRolloutStatus> waiting =
        [
            .. rollout.Workloads.Where(w => w.Phase is not (RolloutPhase.Succeeded or RolloutPhase.Superseded or RolloutPhase.RolledBack)),
        ];
        return waiting.TrueForAll(w => w.BlockedBy is not null) ? waiting.FirstOrDefault() : null;
    }

    private TimeSpan BlockedTime(WorkloadRolloutStatus entry)
    {
        var lasting = entry.BlockedSince is { } since && now > since ? now - since : TimeSpan.Zero;
        return TimeSpan.FromSeconds(entry.BlockedSeconds) + lasting;
    }

    /// <summary>Whether a workload's time is up, not counting the time for which it was blocked.</summary>
    private bool IsDue(RolloutStatus rollout, WorkloadRolloutStatus entry) => now >= rollout.Deadline + BlockedTime(entry);

    /// <summary>Waits for a gate, which has its own timeout; the rollout's deadline starts when the gate has ended.</summary>
    public StepResult WaitForGate(RolloutStatus rollout, string message) =>
        new(Progressing(rollout, $"Verifying version {rollout.Version}: {message}"), Wait(rollout));

    /// <summary>Continues after a known time, regardless of the deadline.</summary>
    public StepResult WaitFor(RolloutStatus rollout, string message, TimeSpan wait) =>
        new(Progressing(rollout, $"Rolling out version {rollout.Version}: {message}"), wait);

    /// <summary>Writes the status before the next change, which requires it (R10).</summary>
    public Task WriteAsync(RolloutStatus rollout, string message, CancellationToken cancellationToken) =>
        writeStatus(Progressing(rollout, message), cancellationToken);

    public async Task<StepResult> SucceedAsync(RolloutStatus rollout, CancellationToken cancellationToken)
    {
        await parts.Gates.CleanUpAsync(plan.Resource, rollout, null, cancellationToken);
        var ended = rollout with { Phase = RolloutPhase.Succeeded, FinishedAt = now };
        return new StepResult(
            Succeeded(status, rollout.Version) with
            {
                Rollout = ended,
                Conditions = ConditionList.Ready(
                    status.Conditions,
                    ConditionReasons.UpToDate,
                    Planner.UpToDate(plan.Resource, Live(rollout), rollout.Version),
                    _generation,
                    now
                ),
            },
            null,
            ended
        );
    }

    /// <summary>The workloads that have to run the version: with blue-green, the one that received the traffic.</summary>
    private IReadOnlyList<Workload> Live(RolloutStatus rollout) =>
        rollout.BlueGreen is { } pair ? [.. plan.Workloads.Where(w => w.Reference == pair.Idle)] : plan.Workloads;

    /// <summary>R6: quarantines the digest, and rolls each patched workload back to its former image.</summary>
    public async Task<StepResult> FailAsync(RolloutStatus rollout, string message, CancellationToken cancellationToken)
    {
        await parts.Gates.CleanUpAsync(plan.Resource, rollout, null, cancellationToken);
        var failed = status with
        {
            CurrVersion = rollout.Version,
            CurrStatus = CurrentStatus.Failed,
            CurrStatusTime = now,
            Quarantined =
            [
                .. status.Quarantined?.Where(q => q.Digest != rollout.Digest) ?? [],
                new QuarantinedDigest
                {
                    Digest = rollout.Digest,
                    Version = rollout.Version,
                    Reason = message,
                    At = now,
                },
            ],
        };
        var patched = rollout.Workloads.Any(w => w.Phase is RolloutPhase.Progressing or RolloutPhase.Succeeded or RolloutPhase.Failed);
        if (_spec.Rollback.Enabled && patched)
        {
            rollout = rollout with
            {
                Phase = RolloutPhase.RollingBack,
                Message = message,
                Deadline = now.AddSeconds(_spec.TimeoutSeconds),
                Workloads =
                [
                    .. rollout.Workloads.Select(w =>
                        w with
                        {
                            BlockedBy = null,
                            BlockedSince = null,
                            BlockedSeconds = 0,
                            Replacement = null,
                        }
                    ),
                ],
            };
            return new StepResult(failed with { Rollout = rollout, Conditions = RollingBack(rollout) }, TimeSpan.Zero);
        }

        return End(failed, rollout with { Phase = RolloutPhase.Failed, Message = message });
    }

    /// <summary>The workload of an entry, as last read; null if it was deleted or is no longer selected.</summary>
    public (Workload Workload, WorkloadContainer Container)? Find(WorkloadRolloutStatus entry) =>
        plan.Workloads.FirstOrDefault(w => w.Kind == entry.Kind && w.Name == entry.Name) is { } workload
        && workload.FindContainer(_spec.Container.Name) is { } container
            ? (workload, container)
            : null;

    /// <summary>The intent that is written before the first patch (R10): the old and the new image of every workload.</summary>
    private RolloutStatus Intent()
    {
        var again =
            status.Rollout is { Phase: RolloutPhase.Succeeded } last
            && last.Digest == plan.Digest
            && status.ObservedGeneration == _generation;
        var gates = GateRunner.Plan(_spec);
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
                    Live = pair.Live.Reference,
                    Idle = pair.Idle.Reference,
                    IdleReplicas = pair.Idle.DesiredPods ?? 0,
                    Service = _spec.Strategy.BlueGreen!.ServiceName,
                    LabelNames = _spec.Strategy.BlueGreen.LabelNames,
                }
                : null,
            Workloads =
            [
                .. plan.Changes.Select(c => new WorkloadRolloutStatus
                {
                    Kind = c.Workload.Kind,
                    Name = c.Workload.Name,
                    FromImage = FormerImage(c),
                    ToImage = c.ToImage,
                    Phase = RolloutPhase.Pending,
                    Baseline = WorkloadDelivery.BaselineOf(c.Workload, c.Container),
                }),
            ],
            // Rewrites of workloads that this rollout does not change stay valid as long as they have the image.
            Rewrites = status
                .Rollout?.Rewrites?.Where(r =>
                    plan.Workloads.Any(w =>
                        w.Kind == r.Kind && w.Name == r.Name && w.FindContainer(_spec.Container.Name)?.Image == r.Answered
                    )
                )
                .ToList()
                is { Count: > 0 } kept
                ? kept
                : null,
        };
    }

    /// <summary>
    /// Made from time, digest and resource, because several resources may follow one tag; with a number if the last rollout in the same second had
    /// the same digest. R8 identifies records by it.
    /// </summary>
    private string NewId()
    {
        var resource = SHA256.HashData(Encoding.UTF8.GetBytes($"{plan.Resource.Key} {plan.Resource.Metadata.Uid}"));
        var id = $"{now:yyyyMMddHHmmss}-{plan.Digest!.Split(':')[^1][..6]}-{Convert.ToHexString(resource)[..8].ToLowerInvariant()}";
        var last = status.Rollout?.Id ?? "";
        return last == id ? $"{id}-2"
            : last.StartsWith(id + "-", StringComparison.Ordinal) && int.TryParse(last.AsSpan(id.Length + 1), out var number)
                ? $"{id}-{number + 1}"
            : id;
    }

    /// <summary>
    /// The image for a rollback of a workload. A superseded rollout's version was never proved, so that its former image is used instead; also if
    /// that rollout had not reached the workload yet, and for all workloads if this rollout continues it.
    /// </summary>
    private string FormerImage(PlannedChange change)
    {
        var present = change.Container.Image;
        if (
            status.Rollout is not { Phase: RolloutPhase.Superseded } last
            || last.Workloads.FirstOrDefault(w => w.Kind == change.Workload.Kind && w.Name == change.Workload.Name) is not { } entry
        )
        {
            return present;
        }

        var isOfLast = Order(last, entry).Has(present) && (entry.Phase != RolloutPhase.Succeeded || last.Digest == plan.Digest);
        var isUntouched = entry.Phase == RolloutPhase.Pending && change.Container.ImageManager == ClusterConnection.FieldManager;
        return isOfLast || isUntouched ? entry.FromImage : present;
    }

    private async Task<StepResult> RollOutAsync(RolloutStatus rollout, CancellationToken cancellationToken)
    {
        (rollout, var contended) = await DeliverAsync(rollout, cancellationToken);
        if (contended is not null)
            return await EndContendedAsync(rollout, contended, cancellationToken);
        List<WorkloadRolloutStatus> workloads = [.. rollout.Workloads];
        if (workloads.Find(w => w.Phase == RolloutPhase.Failed) is { } failed)
            return await FailAsync(rollout, FailedMessage(rollout, failed), cancellationToken);
        if (workloads.TrueForAll(w => w.Phase == RolloutPhase.Superseded))
            return await SupersedeAsync(rollout, "Its workloads were deleted or are no longer selected.", cancellationToken);
        List<WorkloadRolloutStatus> waiting = [.. workloads.Where(w => w.Phase is not (RolloutPhase.Succeeded or RolloutPhase.Superseded))];
        if (waiting.Count == 0)
            return await SucceedAsync(rollout, cancellationToken);
        var message = string.Join("; ", waiting.Select(w => $"{w.Kind}/{w.Name}: {w.Message}"));
        return new StepResult(
            Progressing(rollout, $"Rolling out version {rollout.Version}: {message}", Blocking(rollout)?.BlockedBy),
            Wait(rollout)
        );
    }

    /// <summary>The message of a rollout that failed because of one workload.</summary>
    public string FailedMessage(RolloutStatus rollout, WorkloadRolloutStatus failed) =>
        IsDue(rollout, failed)
            ? $"{failed.Kind}/{failed.Name}: the rollout did not complete within timeoutSeconds ({_spec.TimeoutSeconds} s): {failed.Message}"
            : $"{failed.Kind}/{failed.Name}: {failed.Message}";

    private async Task<(DeliveryProgress Progress, RolloutStatus Rollout)> DeliverAsync(
        RolloutStatus rollout,
        DeliveryOrder order,
        CancellationToken cancellationToken
    )
    {
        var entry = order.Entry;
        var progress = Find(entry) is { } found
            ? await parts.Delivery.AdvanceAsync(found.Workload, found.Container, order, cancellationToken)
            : await parts.Delivery.AdvanceAbsentAsync(plan.Resource.Metadata.Namespace!, _spec.Container.Name, order, cancellationToken);
        return (progress, With(rollout, entry, progress, order.Image));
    }

    /// <summary>Whether another client changed the image; read from the API server, because the watch may be late.</summary>
    private async Task<bool> IsChangedBackAsync(DeliveryOrder order, CancellationToken cancellationToken) =>
        Find(order.Entry) is { } seen
        && !order.Has(seen.Container.Image)
        && await parts.Workloads.FindAsync(seen.Workload, cancellationToken) is { } fresh
        && !(fresh.FindContainer(_spec.Container.Name) is { } container && order.Has(container.Image));

    private async Task<StepResult> RollBackAsync(RolloutStatus rollout, CancellationToken cancellationToken)
    {
        if (rollout.BlueGreen is not null)
        {
            (var isBack, var where) = await new BlueGreenStrategy(this).CutBackAsync(rollout, cancellationToken);
            if (!isBack && now < rollout.Deadline)
                return new StepResult(status with { Rollout = rollout, Conditions = RollingBack(rollout, where) }, MinWait);
        }

        foreach (var entry in rollout.Workloads)
            rollout = await RollBackAsync(rollout, entry, cancellationToken);
        List<WorkloadRolloutStatus> left = [.. rollout.Workloads.Where(w => !RolloutPhase.IsFinal(w.Phase))];
        if (left.Count == 0)
            return End(status, rollout with { Phase = RolloutPhase.RolledBack });
        var stuck = string.Join("; ", left.Select(w => $"{w.Kind}/{w.Name}: {w.Message}"));
        return left.Exists(w => w.BlockedBy is null && IsDue(rollout, w))
            ? End(status, rollout with { Phase = RolloutPhase.Failed, Message = $"{rollout.Message}; the rollback failed: {stuck}" })
            : new StepResult(status with { Rollout = rollout, Conditions = RollingBack(rollout, stuck) }, Wait(rollout));
    }

    private async Task<RolloutStatus> RollBackAsync(RolloutStatus rollout, WorkloadRolloutStatus entry, CancellationToken cancellationToken)
    {
        if (entry.Phase is RolloutPhase.RolledBack or RolloutPhase.Superseded)
            return rollout;
        DeliveryOrder back = new(entry, entry.FromImage, RunningImage.DigestOf(entry.FromImage))
        {
            Failed = entry.ToImage,
            Rewrites = rollout.Rewrites ?? [],
            Since = rollout.StartedAt,
            Now = now,
        };
        if (Find(entry) is { Container.Image: { } image } && !back.Has(image) && !Order(rollout, entry).Has(image))
            return With(
                rollout,
                entry,
                new DeliveryProgress(DeliveryState.Overruled, $"Another client set the image {image}; it is left unchanged.")
            );
        (var progress, rollout) = await DeliverAsync(rollout, back, cancellationToken);
        return rollout with
        {
            Workloads =
            [
                .. rollout.Workloads.Select(w =>
                    w.Kind != entry.Kind || w.Name != entry.Name
                        ? w
                        : w with
                        {
                            Message = w.Phase == RolloutPhase.Succeeded ? $"restored to {entry.FromImage}" : w.Message,
                            Phase = w.Phase switch
                            {
                                RolloutPhase.Succeeded => RolloutPhase.RolledBack,
                                RolloutPhase.Superseded => RolloutPhase.Superseded,
                                _ => RolloutPhase.RollingBack,
                            },
                            // The trouble of the failed version's pods is already in the rollout's message.
                            Trouble = entry.Phase == RolloutPhase.RollingBack ? w.Trouble : null,
                        }
                ),
            ],
        };
    }

    private TimeSpan Wait(RolloutStatus rollout)
    {
        var wait = (now - rollout.StartedAt) / 10;
        return wait < MinWait ? MinWait
            : wait > MaxWait ? MaxWait
            : wait;
    }

    /// <param name="where">The progress; null at the beginning, when the message says why.</param>
    private IReadOnlyList<Condition> RollingBack(RolloutStatus rollout, string? where = null) =>
        ConditionList.Reconciling(
            status.Conditions,
            Blocking(rollout)?.BlockedBy ?? ConditionReasons.RolloutFailed,
            where is null
                ? $"Version {rollout.Version} failed and is being rolled back: {rollout.Message}"
                : $"Rolling back version {rollout.Version}: {where}. It failed: {rollout.Message}",
            _generation,
            now
        );

    private StepResult End(ContainerVersionStatus failed, RolloutStatus rollout)
    {
        var ended = rollout with { FinishedAt = now };
        var outcome = ended.Phase == RolloutPhase.RolledBack ? "failed and was rolled back" : "failed";
        return new StepResult(
            failed with
            {
                Rollout = ended,
                Conditions = ConditionList.Stalled(
                    status.Conditions,
                    ConditionReasons.RolloutFailed,
                    $"Version {ended.Version} {outcome}: {ended.Message}",
                    _generation,
                    now
                ),
            },
            null,
            ended
        );
    }

    /// <param name="reason">What blocks the rollout; null for nothing.</param>
    private ContainerVersionStatus Progressing(RolloutStatus rollout, string message, string? reason = null) =>
        status with
        {
            CurrVersion = rollout.Version,
            CurrStatus = CurrentStatus.Progressing,
            CurrStatusTime =
                status.CurrStatus == CurrentStatus.Progressing && status.CurrVersion == rollout.Version ? status.CurrStatusTime : now,
            ObservedGeneration = _generation,
            Rollout = rollout,
            Conditions = ConditionList.Reconciling(
                status.Conditions,
                reason ?? ConditionReasons.RolloutInProgress,
                message,
                _generation,
                now
            ),
        };

    /// <summary>Set to the version, but not ready: keeps Success if it was one for this version, and is Progressing otherwise.</summary>
    private ContainerVersionStatus NotReady(ContainerVersionStatus before, string? version) =>
        before is { CurrStatus: CurrentStatus.Success or CurrentStatus.Progressing } && before.CurrVersion == version
            ? before
            : before with
            {
                CurrVersion = version,
                CurrStatus = CurrentStatus.Progressing,
                CurrStatusTime = now,
            };

    private ContainerVersionStatus Succeeded(ContainerVersionStatus before, string? version) =>
        before with
        {
            CurrVersion = version,
            CurrStatus = CurrentStatus.Success,
            CurrStatusTime = before.CurrStatus == CurrentStatus.Success && before.CurrVersion == version ? before.CurrStatusTime : now,
            SuccessVersion = version,
        };
}
