using CvManager.Resources;
using CvManager.Workloads;

namespace CvManager.Rollouts;

/// <summary>
/// R13: rolls the version out to the idle workload, and then points the traffic at it. Each step is written to the status before the next
/// one starts, and can be run again.
/// </summary>
internal sealed class ServiceBlueGreenStrategy(RolloutStep step) : IRolloutStrategy
{
    private readonly StepDelivery _delivery = new(step);
    private readonly StepGates _gates = new(step);
    private readonly StepOutcomes _outcomes = new(step);

    public bool IsCurrent(RolloutStatus rollout, StrategySpec spec) =>
        rollout.BlueGreen is { } pair
        && spec.Kind == StrategySpec.ServiceBlueGreen
        && spec.BlueGreen is { } asked
        && asked.ServiceName == pair.Service
        && asked.LabelNames.SequenceEqual(pair.LabelNames);

    public async Task<StepResult> RollOutAsync(RolloutStatus rollout, CancellationToken cancellationToken)
    {
        var spec = step.Spec.Strategy.BlueGreen!;
        while (true)
        {
            var pair = rollout.BlueGreen!;
            if (Find(pair.Idle) is not { } idle)
                return await AbandonAsync(rollout, pair.Idle, cancellationToken);
            // After the cut-over, the former colour is only needed for a rollback.
            if (Find(pair.Live) is not { } live)
            {
                if (pair.CutOverAt is null)
                    return await AbandonAsync(rollout, pair.Live, cancellationToken);
                live = idle;
                spec = spec with { ScaleDown = false };
            }

            switch (pair.Step)
            {
                case BlueGreenPhase.Prepare:
                    var order = _delivery.Order(rollout, rollout.Workloads[0]);
                    if (idle.DesiredPods == 0 && step.Find(order.Entry) is { } found && !order.Has(found.Container.Image))
                    {
                        var swapped = await step.Parts.Delivery.SwapAsync(idle, found.Container, order, replicas: 1, cancellationToken);
                        rollout = _delivery.With(rollout, order, swapped);
                        return swapped.State == DeliveryState.Overruled
                            ? await _outcomes.SupersedeContendedAsync(
                                rollout with
                                {
                                    Repeats = Planner.MaxRepeats,
                                },
                                rollout.Workloads[0],
                                cancellationToken
                            )
                            : await _outcomes.WaitAsync(rollout, $"{pair.Idle}: {swapped.Message}", cancellationToken);
                    }

                    (rollout, var contended) = await _delivery.AdvanceAsync(rollout, cancellationToken);
                    if (contended is not null)
                        return await _outcomes.SupersedeContendedAsync(rollout, contended, cancellationToken);
                    var entry = rollout.Workloads[0];
                    if (entry.Phase == RolloutPhase.Failed)
                        return await _outcomes.FailAsync(rollout, entry, cancellationToken);
                    if (entry.Phase == RolloutPhase.Superseded)
                        return await AbandonAsync(rollout, pair.Idle, cancellationToken);
                    if (entry.Phase != RolloutPhase.Succeeded)
                        return await _outcomes.WaitAsync(rollout, $"{pair.Idle}: {entry.Message}", cancellationToken);
                    if (idle.DesiredPods == 0)
                    {
                        await step.Parts.Workloads.ScaleAsync(idle, 1, cancellationToken);
                        rollout = rollout with { Workloads = [entry with { Phase = RolloutPhase.Progressing }] };
                        return await _outcomes.WaitAsync(rollout, $"{pair.Idle}: scaling up to 1 replica", cancellationToken);
                    }

                    rollout = await NextAsync(rollout, BlueGreenPhase.Verify, cancellationToken);
                    break;

                case BlueGreenPhase.Verify:
                    if (
                        spec.VerificationServiceName.Length > 0
                        && !await PointAsync(spec.VerificationServiceName, pair, idle, cancellationToken)
                    )
                        return await _outcomes.WaitAsync(rollout, NotPointed(spec.VerificationServiceName, pair.Idle), cancellationToken);
                    (rollout, var verified, var gate) = await _gates.AdvanceAsync(rollout, GateStage.Strategy, cancellationToken);
                    if (verified == false)
                        return await _outcomes.FailAsync(rollout, gate, cancellationToken);
                    if (verified is null)
                        return _outcomes.WaitForGate(rollout, gate);
                    rollout = await NextAsync(rollout, BlueGreenPhase.Scale, cancellationToken);
                    break;

                case BlueGreenPhase.Scale:
                    // The live workload's current size: an autoscaler may have changed it since the start.
                    var wanted = Math.Max(1, live.DesiredPods ?? 1);
                    if (idle.DesiredPods < wanted)
                    {
                        await step.Parts.Workloads.ScaleAsync(idle, wanted, cancellationToken);
                        return await _outcomes.WaitAsync(rollout, $"{pair.Idle}: scaling to {wanted} replicas", cancellationToken);
                    }

                    if (idle.Progress.State != ProgressState.Done || idle.AvailablePods < wanted)
                    {
                        // The additional pods may fail or may not be scheduled.
                        if (step.Find(rollout.Workloads[0]) is not { } scaled)
                            return await AbandonAsync(rollout, pair.Idle, cancellationToken);
                        var scaling = _delivery.Order(rollout, rollout.Workloads[0]);
                        rollout = _delivery.With(
                            rollout,
                            scaling,
                            await step.Parts.Delivery.ObserveAsync(scaled.Workload, scaled.Container, scaling, cancellationToken)
                        );
                        var more = rollout.Workloads[0];
                        if (more.Phase == RolloutPhase.Failed)
                            return await _outcomes.FailAsync(rollout, more, cancellationToken);
                        return await _outcomes.WaitAsync(rollout, $"{pair.Idle}: {more.Message}", cancellationToken);
                    }

                    rollout = await NextAsync(rollout, BlueGreenPhase.CutOver, cancellationToken);
                    break;

                case BlueGreenPhase.CutOver:
                    if (!await PointAsync(pair.Service, pair, idle, cancellationToken))
                        return await _outcomes.WaitAsync(rollout, NotPointed(pair.Service, pair.Idle), cancellationToken);
                    rollout = rollout with { BlueGreen = pair with { CutOverAt = step.Now } };
                    rollout = await NextAsync(rollout, BlueGreenPhase.PostVerify, cancellationToken);
                    break;

                case BlueGreenPhase.PostVerify:
                    (rollout, var confirmed, var postGate) = await _gates.AdvanceAsync(rollout, GateStage.PostStrategy, cancellationToken);
                    if (confirmed == false)
                        return await _outcomes.FailAsync(rollout, postGate, cancellationToken);
                    if (confirmed is null)
                        return _outcomes.WaitForGate(rollout, postGate);
                    if (!spec.ScaleDown)
                        return await _outcomes.SucceedAsync(rollout, [idle], cancellationToken);
                    rollout = await NextAsync(rollout, BlueGreenPhase.ScaleDown, cancellationToken);
                    break;

                default:
                    var left = pair.CutOverAt!.Value.AddSeconds(spec.ScaleDownDelaySeconds) - step.Now;
                    if (left > TimeSpan.Zero)
                        return _outcomes.WaitFor(
                            rollout,
                            $"{pair.Idle} receives the traffic; {pair.Live} is scaled down at {step.Now + left:u}",
                            left
                        );
                    if (live.DesiredPods > 0 && !await step.Parts.Workloads.ScaleAsync(live, 0, cancellationToken))
                        return _outcomes.WaitFor(
                            rollout,
                            $"waiting to scale down {pair.Live}: another client is changing it",
                            TimeSpan.FromSeconds(1)
                        );
                    return await _outcomes.SucceedAsync(rollout, [idle], cancellationToken);
            }
        }
    }

    /// <summary>Points the traffic back at the workload that had it, and restores the idle workload's replicas.</summary>
    public async Task<string?> RevertAsync(RolloutStatus rollout, CancellationToken cancellationToken)
    {
        var pair = rollout.BlueGreen!;
        if (Find(pair.Live) is { } live && !await PointAsync(pair.Service, pair, live, cancellationToken))
            return NotPointed(pair.Service, pair.Live);
        return
            Find(pair.Idle) is { } idle
            && idle.DesiredPods != pair.IdleReplicas
            && !await step.Parts.Workloads.ScaleAsync(idle, pair.IdleReplicas, cancellationToken)
            ? $"waiting to scale {pair.Idle} back to {pair.IdleReplicas} replicas"
            : null;
    }

    /// <summary>Ends the rollout because a colour was deleted or lost its label, which is not a failure. Traffic is pointed back.</summary>
    private async Task<StepResult> AbandonAsync(RolloutStatus rollout, string missing, CancellationToken cancellationToken)
    {
        var pair = rollout.BlueGreen!;
        if (Find(pair.Live) is { } live && !await PointAsync(pair.Service, pair, live, cancellationToken))
            return _outcomes.WaitFor(
                rollout,
                $"{missing} was deleted or is no longer selected; {NotPointed(pair.Service, pair.Live)}",
                TimeSpan.FromSeconds(1)
            );
        return await _outcomes.SupersedeAsync(
            rollout,
            $"{missing}, one of its two workloads, was deleted or is no longer selected.",
            cancellationToken
        );
    }

    private async Task<RolloutStatus> NextAsync(RolloutStatus rollout, string next, CancellationToken cancellationToken)
    {
        rollout = rollout with { BlueGreen = rollout.BlueGreen! with { Step = next } };
        await step.WriteAsync(rollout, $"Rolling out version {rollout.Version}: {next}", cancellationToken);
        return rollout;
    }

    private static string NotPointed(string service, string workload) =>
        $"waiting to point Service {service} at {workload}: the Service does not exist, or another client is changing it";

    /// <summary>False if the Service does not exist, or another client changed it at the same time.</summary>
    private async Task<bool> PointAsync(string name, BlueGreenStatus pair, Workload at, CancellationToken cancellationToken) =>
        await step.Parts.Services.FindAsync(step.Resource.Metadata.Namespace!, name, cancellationToken) is { } service
        && (service.PointsAt(at, pair.LabelNames) || await step.Parts.Services.PointAsync(service, at, pair.LabelNames, cancellationToken));

    private Workload? Find(string reference) => step.Plan.Workloads.FirstOrDefault(w => w.Reference == reference);
}
