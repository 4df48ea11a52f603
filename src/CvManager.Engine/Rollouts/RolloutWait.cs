using CvManager.Cluster;
using CvManager.Resources;

namespace CvManager.Rollouts;

/// <summary>Waits for a rollout by reading the resource's status; the controller does the work. Thread-safe.</summary>
public sealed class RolloutWait(ClusterConnection cluster, TimeProvider time)
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    private readonly ContainerVersionStore _resources = new(cluster);

    /// <summary>Reads the resource every second until it is done, without a time limit.</summary>
    /// <param name="ns">The resource's namespace.</param>
    /// <param name="name">The resource's name.</param>
    /// <param name="version">The version to wait for; null to wait until the resource is ready.</param>
    /// <param name="seen">Called with the resource after each read.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>The resource, on the version.</returns>
    /// <exception cref="CvException">
    /// <c>RolloutFailed</c>, <c>RolloutHeld</c>, or the reason of a Stalled condition; or the cluster could not be read. Transient errors
    /// of the API server are retried.
    /// </exception>
    public async Task<ContainerVersion> UntilDoneAsync(
        string ns,
        string name,
        string? version,
        Func<ContainerVersion, Task> seen,
        CancellationToken cancellationToken
    )
    {
        ArgumentNullException.ThrowIfNull(seen);
        while (true)
        {
            try
            {
                var resource = await _resources.GetAsync(ns, name, cancellationToken);
                await seen(resource);
                if (IsDone(resource, version))
                    return resource;
            }
            catch (CvException e) when (e.IsTransient)
            {
                // Retried until the caller's timeout.
            }

            await Task.Delay(Interval, time, cancellationToken);
        }
    }

    /// <summary>Whether the wait is over. Pure.</summary>
    /// <exception cref="CvException">As for <see cref="UntilDoneAsync"/>: the version will not be reached.</exception>
    internal static bool IsDone(ContainerVersion resource, string? version)
    {
        var status = resource.Status;
        // The controller has not seen the current specification yet.
        if (status is null || status.ObservedGeneration < resource.Metadata.Generation)
            return false;
        if (status.Rollout is { } rollout && !RolloutPhase.IsFinal(rollout.Phase))
            return false;
        var ready = ConditionList.Find(status.Conditions, ConditionTypes.Ready);
        if (version is null ? ready?.Status == "True" : status is { CurrStatus: CurrentStatus.Success } && status.CurrVersion == version)
            return true;
        if (resource.Spec.Suspend)
        {
            throw new CvException(
                ErrorIds.RolloutHeld,
                CvErrorKind.Conflict,
                $"{resource.Key}: {ready?.Message ?? "Suspended."}",
                $"Run Resume-ContainerVersion {resource.Metadata.Name} -Namespace {resource.Metadata.Namespace}."
            )
            {
                Target = resource.Key,
            };
        }

        if (ConditionList.Find(status.Conditions, ConditionTypes.Stalled) is not { Status: "True" } stalled)
            return false;
        var failed = stalled.Reason is ConditionReasons.RolloutFailed or ConditionReasons.Quarantined;
        // The failure of another version, or a tag that is still to be pushed, does not concern this version.
        var concerns =
            version is null
            || (
                failed
                    ? status.Quarantined?.Any(q => q.Version == version) == true
                    : stalled.Reason
                        is not (ConditionReasons.TagNotFound or ConditionReasons.VersionNotFound or ConditionReasons.RepositoryNotFound)
            );
        if (!concerns)
            return false;
        throw new CvException(
            failed ? ConditionReasons.RolloutFailed : stalled.Reason,
            failed ? CvErrorKind.Failed : CvErrorKind.Invalid,
            $"{resource.Key}: {stalled.Message}",
            failed
                ? "Fix the image, push it as a new version, and move the tag to that version. Get-CvRolloutHistory shows what happened."
                : "Fix the problem described in the message. Test-ContainerVersion shows details."
        )
        {
            Target = resource.Key,
        };
    }
}
