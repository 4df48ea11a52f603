using CvManager.Resources;

namespace CvManager.Rollouts;

/// <summary>
/// R5: a kind of gate. To add one: implement this interface, add the kind to the schema, and register it in <c>GateRunner</c>.
/// </summary>
/// <remarks>Stateless: what a gate starts is in its status before it is started, so that a restart finds it again.</remarks>
internal interface IGate
{
    /// <summary>The value of <c>verify[].kind</c>.</summary>
    string Kind { get; }

    /// <summary>Starts the gate, or checks its progress.</summary>
    /// <exception cref="CvException">The cluster refused or was unavailable: the gate waits, and neither passes nor fails (R6).</exception>
    Task<GateProgress> AdvanceAsync(GateRun run, CancellationToken cancellationToken);

    /// <summary>Deletes what a rollout's gates left, after the rollout has ended or the gate's outcome is in the status.</summary>
    /// <param name="index">The gate's index among the rollout's gates; null for all of them.</param>
    Task CleanUpAsync(ContainerVersion resource, string rolloutId, int? index, CancellationToken cancellationToken);
}

/// <summary>One gate of one rollout.</summary>
/// <param name="Status">The gate's status in the rollout.</param>
/// <param name="Index">The gate's index among the rollout's gates.</param>
/// <param name="Image">The image to verify.</param>
/// <param name="PullSecrets">The workloads' image pull Secrets.</param>
/// <param name="RecordAsync">Writes the gate's status before a pod is created.</param>
internal sealed record GateRun(
    ContainerVersion Resource,
    RolloutStatus Rollout,
    VerifySpec Gate,
    GateStatus Status,
    int Index,
    string Image,
    IReadOnlyList<string> PullSecrets,
    Func<GateStatus, Task> RecordAsync
);

/// <summary>The progress of a gate.</summary>
/// <param name="Gate">The gate's status; its phase is Succeeded or Failed when it has ended.</param>
/// <param name="Message">What the gate waits for, or how it ended.</param>
internal sealed record GateProgress(GateStatus Gate, string Message);
