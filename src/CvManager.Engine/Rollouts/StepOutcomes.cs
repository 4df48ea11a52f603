using CvManager.Resources;
using CvManager.Workloads;

namespace CvManager.Rollouts;

/// <summary>How a step ends: the rollout continues later, succeeds, fails or is superseded.</summary>
internal sealed class StepOutcomes(RolloutStep step)
{
    /// <summary>Continues later, with what it waits for in the status; fails after the deadline.</summary>
    public async Task<StepResult> WaitAsync(RolloutStatus rollout, string message, CancellationToken cancellationToken) =>
        step.Deadlines.IsDue(rollout)
            ? await FailAsync(
                rollout,
                $"The rollout did not complete within timeoutSeconds ({step.Spec.TimeoutSeconds} s): {message}",
                cancellationToken
            )
            : Continue(rollout, message);

    /// <summary>Continues later, regardless of the rollout's deadline: each of its workloads has its own.</summary>
    public StepResult Continue(RolloutStatus rollout, string message) =>
        new(
            step.Progressing(rollout, $"Rolling out version {rollout.Version}: {message}", StepDeadlines.Blocking(rollout)?.BlockedBy),
            step.Deadlines.Wait(rollout)
        );

    /// <summary>Continues after a known time, regardless of the deadline.</summary>
    public StepResult WaitFor(RolloutStatus rollout, string message, TimeSpan wait) =>
        new(step.Progressing(rollout, $"Rolling out version {rollout.Version}: {message}"), wait);

    /// <summary>Waits for a gate, which has its own timeout; the rollout's deadline starts when the gate has ended.</summary>
    public StepResult WaitForGate(RolloutStatus rollout, string message) =>
        new(step.Progressing(rollout, $"Verifying version {rollout.Version}: {message}"), step.Deadlines.Wait(rollout));

    /// <param name="rollout">The rollout.</param>
    /// <param name="live">The workloads that have to run the version.</param>
    /// <param name="cancellationToken">Stops between two requests.</param>
    public async Task<StepResult> SucceedAsync(RolloutStatus rollout, IReadOnlyList<Workload> live, CancellationToken cancellationToken)
    {
        await CleanUpAsync(rollout, cancellationToken);
        var ended = rollout with { Phase = RolloutPhase.Succeeded, FinishedAt = step.Now };
        return new StepResult(
            step.Succeeded(rollout.Version) with
            {
                Rollout = ended,
                Conditions = ConditionList.Ready(
                    step.Status.Conditions,
                    ConditionReasons.UpToDate,
                    Planner.UpToDate(step.Resource, live, rollout.Version),
                    step.Generation,
                    step.Now
                ),
            },
            null,
            ended
        );
    }

    public async Task<StepResult> SupersedeAsync(RolloutStatus rollout, string message, CancellationToken cancellationToken)
    {
        await CleanUpAsync(rollout, cancellationToken);
        var ended = rollout with { Phase = RolloutPhase.Superseded, FinishedAt = step.Now, Message = message };
        return new StepResult(step.Status with { Rollout = ended }, TimeSpan.Zero, ended);
    }

    /// <summary>Ends a contended rollout; its repeats keep the planner from starting it again.</summary>
    public Task<StepResult> SupersedeContendedAsync(
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

    /// <summary>Fails because of one workload.</summary>
    public Task<StepResult> FailAsync(RolloutStatus rollout, WorkloadRolloutStatus failed, CancellationToken cancellationToken) =>
        FailAsync(
            rollout,
            step.Deadlines.IsDue(rollout, failed)
                ? $"{failed.Kind}/{failed.Name}: the rollout did not complete within timeoutSeconds ({step.Spec.TimeoutSeconds} "
                    + $"s): {failed.Message}"
                : $"{failed.Kind}/{failed.Name}: {failed.Message}",
            cancellationToken
        );

    /// <summary>R6: quarantines the digest, and rolls each patched workload back to its former image.</summary>
    public async Task<StepResult> FailAsync(RolloutStatus rollout, string message, CancellationToken cancellationToken)
    {
        await CleanUpAsync(rollout, cancellationToken);
        var failed = step.Status with
        {
            CurrVersion = rollout.Version,
            CurrStatus = CurrentStatus.Failed,
            CurrStatusTime = step.Now,
            Quarantined =
            [
                .. step.Status.Quarantined?.Where(q => q.Digest != rollout.Digest) ?? [],
                new QuarantinedDigest
                {
                    Digest = rollout.Digest,
                    Version = rollout.Version,
                    Reason = message,
                    At = step.Now,
                },
            ],
        };
        var patched = rollout.Workloads.Any(w => w.Phase is RolloutPhase.Progressing or RolloutPhase.Succeeded or RolloutPhase.Failed);
        if (!step.Spec.Rollback.Enabled || !patched)
            return End(failed, rollout with { Phase = RolloutPhase.Failed, Message = message });
        rollout = rollout with
        {
            Phase = RolloutPhase.RollingBack,
            Message = message,
            Deadline = step.Now.AddSeconds(step.Spec.TimeoutSeconds),
            Workloads =
            [
                .. rollout.Workloads.Select(w => w with { BlockedBy = null, BlockedSince = null, BlockedSeconds = 0, Replacement = null }),
            ],
        };
        return RollBack(failed, rollout, $"Version {rollout.Version} failed and is being rolled back: {message}", TimeSpan.Zero);
    }

    /// <summary>Continues a rollback later.</summary>
    public StepResult ContinueRollback(RolloutStatus rollout, string message, TimeSpan wait) =>
        RollBack(step.Status, rollout, $"Rolling back version {rollout.Version}: {message}. It failed: {rollout.Message}", wait);

    /// <summary>Ends a rollback that succeeded or failed.</summary>
    public StepResult EndRollback(RolloutStatus rollout) => End(step.Status, rollout);

    private StepResult RollBack(ContainerVersionStatus failed, RolloutStatus rollout, string message, TimeSpan wait) =>
        new(
            failed with
            {
                Rollout = rollout,
                Conditions = ConditionList.Reconciling(
                    step.Status.Conditions,
                    StepDeadlines.Blocking(rollout)?.BlockedBy ?? ConditionReasons.RolloutFailed,
                    message,
                    step.Generation,
                    step.Now
                ),
            },
            wait
        );

    private StepResult End(ContainerVersionStatus failed, RolloutStatus rollout)
    {
        var ended = rollout with { FinishedAt = step.Now };
        var outcome = ended.Phase == RolloutPhase.RolledBack ? "failed and was rolled back" : "failed";
        return new StepResult(
            failed with
            {
                Rollout = ended,
                Conditions = ConditionList.Stalled(
                    step.Status.Conditions,
                    ConditionReasons.RolloutFailed,
                    $"Version {ended.Version} {outcome}: {ended.Message}",
                    step.Generation,
                    step.Now
                ),
            },
            null,
            ended
        );
    }

    private Task CleanUpAsync(RolloutStatus rollout, CancellationToken cancellationToken) =>
        step.Parts.Gates.CleanUpAsync(step.Resource, rollout, null, cancellationToken);
}
