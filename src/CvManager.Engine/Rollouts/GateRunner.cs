using CvManager.Cluster;
using CvManager.Resources;

namespace CvManager.Rollouts;

/// <summary>R5: runs a rollout's gates one after the other. Stateless; thread-safe.</summary>
/// <param name="cluster">The cluster in which the gates run.</param>
/// <param name="environment">See <see cref="ImageGate"/>.</param>
internal sealed class GateRunner(ClusterConnection cluster, EngineEnvironment environment)
{
    private readonly IReadOnlyDictionary<string, IGate> _gates = new IGate[] { new ImageGate(cluster, environment) }.ToDictionary(
        gate => gate.Kind,
        StringComparer.Ordinal
    );

    /// <summary>The initial gate status of a rollout; null if there are no gates.</summary>
    public static IReadOnlyList<GateStatus>? Plan(ContainerVersionSpec spec)
    {
        GateStatus[] gates =
        [
            .. spec.Container.Verify.Select(gate => Pending(GateStage.Container, gate)),
            .. spec.Strategy.Verify.Select(gate => Pending(GateStage.Strategy, gate)),
            .. spec.Strategy.PostVerify.Select(gate => Pending(GateStage.PostStrategy, gate)),
        ];
        return gates.Length == 0 ? null : gates;
    }

    /// <summary>Whether the gates were changed since the start of a rollout that still has to pass one.</summary>
    public static bool HaveChanged(ContainerVersionSpec spec, RolloutStatus rollout) =>
        rollout.Gates is { } gates
        && gates.Any(gate => gate.Phase != RolloutPhase.Succeeded)
        && !gates.Select(Key).SequenceEqual((Plan(spec) ?? []).Select(Key));

    /// <summary>Advances the first gate of a stage that has not ended.</summary>
    /// <param name="write">Writes the rollout to the status before a pod is created.</param>
    /// <returns>The updated rollout; whether all gates of the stage have passed (null while one runs); and a message.</returns>
    public async Task<(RolloutStatus Rollout, bool? IsPassed, string Message)> AdvanceAsync(
        ContainerVersion resource,
        RolloutStatus rollout,
        string stage,
        IReadOnlyList<string> pullSecrets,
        DateTimeOffset now,
        Func<RolloutStatus, string, CancellationToken, Task> write,
        CancellationToken cancellationToken
    )
    {
        var gates = rollout.Gates ?? [];
        for (var index = 0; index < gates.Count; index++)
        {
            var gate = gates[index];
            if (gate.Stage != stage || gate.Phase == RolloutPhase.Succeeded)
                continue;
            if (gate.Phase == RolloutPhase.Failed)
                return (rollout, false, gate.Message ?? "");
            var place = index;
            var title = $"gate {gate.Image}";
            var asked = Find(resource.Spec, gates, index);
            var image =
                rollout.Workloads.Count > 0 ? rollout.Workloads[0].ToImage : TargetImage.Of(resource.Spec, rollout.Version, rollout.Digest);
            GateRun run = new(
                resource,
                rollout,
                asked,
                gate with
                {
                    StartedAt = gate.StartedAt ?? now,
                },
                index,
                image,
                pullSecrets,
                begun => write(With(begun), $"starting {title}", cancellationToken)
            );
            (var seen, var message) = await _gates[gate.Kind].AdvanceAsync(run, cancellationToken);
            bool? passed = seen.Phase switch
            {
                RolloutPhase.Succeeded => true,
                RolloutPhase.Failed => false,
                _ => null,
            };
            rollout = With(passed is null ? seen with { Phase = RolloutPhase.Progressing } : seen with { Message = Shortened(message) });
            var last = !rollout.Gates!.Any(g => g.Stage == stage && g.Phase != RolloutPhase.Succeeded);
            return (rollout, passed == true && !last ? null : passed, $"{title}: {message}");

            RolloutStatus With(GateStatus changed) => rollout with { Gates = [.. gates.Take(place), changed, .. gates.Skip(place + 1)] };
        }

        return (rollout, true, "");
    }

    /// <summary>Measures a gate whose end has been written to the status.</summary>
    public void Measure(GateStatus ended, DateTimeOffset now)
    {
        if (ended.StartedAt is { } started)
            environment.Metrics?.GateEnded(ended.Kind, ended.Phase, now - started);
    }

    /// <summary>Deletes what a rollout's gates (all, or one of them) left in the cluster.</summary>
    public async Task CleanUpAsync(ContainerVersion resource, RolloutStatus rollout, int? index, CancellationToken cancellationToken)
    {
        if (rollout.Gates?.Any(gate => gate.StartedAt is not null) != true)
            return;
        foreach (var gate in _gates.Values)
            await gate.CleanUpAsync(resource, rollout.Id, index, cancellationToken);
    }

    private static GateStatus Pending(string stage, VerifySpec gate) =>
        new()
        {
            Stage = stage,
            Kind = gate.Kind,
            Image = $"{gate.Image}:{gate.Tag}",
        };

    private static (string Stage, string Kind, string Image) Key(GateStatus gate) => (gate.Stage, gate.Kind, gate.Image);

    /// <summary>The gate's specification: unchanged since the rollout started (<see cref="HaveChanged"/>).</summary>
    private static VerifySpec Find(ContainerVersionSpec spec, IReadOnlyList<GateStatus> gates, int index)
    {
        var gate = gates[index];
        var asked = gate.Stage switch
        {
            GateStage.Container => spec.Container.Verify,
            GateStage.Strategy => spec.Strategy.Verify,
            _ => spec.Strategy.PostVerify,
        };
        return asked[gates.Take(index).Count(g => g.Stage == gate.Stage)];
    }

    /// <summary>The end of the message: the last lines of a log usually show the error.</summary>
    private static string Shortened(string message) => message.Length <= 2000 ? message : "…" + message[^2000..];
}
