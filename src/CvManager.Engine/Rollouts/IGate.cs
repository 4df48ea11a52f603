using CvManager.Resources;

namespace CvManager.Rollouts;

/// <summary>R5: a kind of verification. A new kind is a file with an implementation, its name in the schema, and a line in <see cref="GateRunner"/>.</summary>
/// <remarks>Keeps nothing between two steps: what it starts has a name that follows from rollout and place, so that a restart finds it again.</remarks>
internal interface IGate
{
    /// <summary>The value of <c>verify[].kind</c>.</summary>
    string Kind { get; }

    /// <summary>Starts it, or sees how far it is.</summary>
    Task<GateProgress> AdvanceAsync(GateRun run, CancellationToken cancellationToken);

    /// <summary>Takes away whatever a rollout's gates left; once the rollout has ended, or the gate's outcome is written down.</summary>
    Task CleanUpAsync(ContainerVersion resource, string rolloutId, CancellationToken cancellationToken);
}

/// <summary>One gate of one rollout.</summary>
/// <param name="Index">Its place among the rollout's gates.</param>
/// <param name="Image">The image that is verified.</param>
/// <param name="PullSecrets">The Secrets that the workloads pull with.</param>
internal sealed record GateRun(ContainerVersion Resource, RolloutStatus Rollout, VerifySpec Gate, int Index, string Image, IReadOnlyList<string> PullSecrets);

/// <summary>How far a gate is.</summary>
/// <param name="IsPassed">Null while it runs.</param>
/// <param name="Message">What it waits for, or how it ended.</param>
internal sealed record GateProgress(bool? IsPassed, string Message);
