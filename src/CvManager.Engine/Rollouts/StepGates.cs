using CvManager.Resources;

namespace CvManager.Rollouts;

/// <summary>R5: runs the gates of a step.</summary>
internal sealed class StepGates(RolloutStep step)
{
    /// <summary>Advances the gates of a stage. The result of a gate is written to the status before its pod is deleted.</summary>
    public async Task<(RolloutStatus Rollout, bool? IsPassed, string Message)> AdvanceAsync(
        RolloutStatus rollout,
        string stage,
        CancellationToken cancellationToken
    )
    {
        string[] secrets = [.. step.Plan.Workloads.SelectMany(w => w.ImagePullSecrets).Distinct(StringComparer.Ordinal)];
        (var after, var passed, var message) = await step.Parts.Gates.AdvanceAsync(
            step.Resource,
            rollout,
            stage,
            secrets,
            step.Now,
            WriteAsync,
            cancellationToken
        );
        if (Ended(after) > Ended(rollout))
        {
            // The time of gates does not count against the rollout's timeout.
            after = after with
            {
                Deadline = step.Now.AddSeconds(step.Spec.TimeoutSeconds),
            };
            await WriteAsync(after, message, cancellationToken);
            var ended = after.Gates!.ToList().FindLastIndex(g => IsEnded(g) && g.Stage == stage);
            step.Parts.Gates.Measure(after.Gates![ended], step.Now);
            await step.Parts.Gates.CleanUpAsync(step.Resource, after, ended, cancellationToken);
        }

        return (after, passed, message);

        Task WriteAsync(RolloutStatus at, string what, CancellationToken token) =>
            step.WriteAsync(at, $"Verifying version {rollout.Version}: {what}", token);

        static int Ended(RolloutStatus rollout) => rollout.Gates?.Count(IsEnded) ?? 0;

        static bool IsEnded(GateStatus gate) => gate.Phase is RolloutPhase.Succeeded or RolloutPhase.Failed;
    }
}
