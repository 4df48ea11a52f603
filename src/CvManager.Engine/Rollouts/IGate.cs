using CvManager.Resources;

namespace CvManager.Rollouts;

/// <summary>R5: a kind of verification. A new kind is a file with an implementation, its name in the schema, and a line in <see cref="GateRunner"/>.</summary>
/// <remarks>Keeps nothing between two steps: what it starts is in the gate's status before it is started, so that a restart finds it again.</remarks>
internal interface IGate
{
    /// <summary>The value of <c>verify[].kind</c>.</summary>
    string Kind { get; }

    /// <summary>Starts it, or sees how far it is.</summary>
    /// <exception cref="CvException">The cluster refused, or could not be asked: the gate waits, and neither passes nor fails (R6).</exception>
    Task<GateProgress> AdvanceAsync(GateRun run, CancellationToken cancellationToken);

    /// <summary>Takes away whatever a rollout's gates left; once the rollout has ended, or the gate's outcome is written down.</summary>
    /// <param name="index">The gate's place among the rollout's gates; null for all of them.</param>
    Task CleanUpAsync(ContainerVersion resource, string rolloutId, int? index, CancellationToken cancellationToken);
}

/// <summary>One gate of one rollout.</summary>
/// <param name="Status">What the rollout's status says of it.</param>
/// <param name="Index">Its place among the rollout's gates.</param>
/// <param name="Image">The image that is verified.</param>
/// <param name="PullSecrets">The Secrets that the workloads pull with.</param>
/// <param name="RecordAsync">Writes its status before something is started that must not be without it.</param>
internal sealed record GateRun(ContainerVersion Resource, RolloutStatus Rollout, VerifySpec Gate, GateStatus Status, int Index, string Image, IReadOnlyList<string> PullSecrets,
    Func<GateStatus, Task> RecordAsync);

/// <summary>How far a gate is.</summary>
/// <param name="Gate">Its status; its phase is Succeeded or Failed once it has ended.</param>
/// <param name="Message">What it waits for, or how it ended.</param>
internal sealed record GateProgress(GateStatus Gate, string Message);
