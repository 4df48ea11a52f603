using CvManager.Cluster;
using CvManager.Resources;

namespace CvManager.Rollouts;

/// <summary>Waits until a resource is where it is wanted, by its status alone: the controller does the work. Thread-safe.</summary>
public sealed class RolloutWait(ClusterConnection cluster, TimeProvider time)
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    private readonly ContainerVersionStore _resources = new(cluster);

    /// <summary>Looks every second until it is done, however long that takes.</summary>
    /// <param name="ns">The resource's namespace.</param>
    /// <param name="name">Its name.</param>
    /// <param name="version">The version to wait for; null for whatever the resource asks for by then.</param>
    /// <param name="seen">Gets the resource as it was seen each time.</param>
    /// <param name="cancellationToken">Ends the wait, and changes nothing.</param>
    /// <returns>The resource, on the version.</returns>
    /// <exception cref="CvException">
    /// <c>RolloutFailed</c>, <c>RolloutHeld</c>, or the reason of a condition that only somebody can do something about; or the cluster could not
    /// be asked. An API server that fails for a while is waited for.
    /// </exception>
    public async Task<ContainerVersion> UntilDoneAsync(string ns, string name, string? version, Func<ContainerVersion, Task> seen, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(seen);
        while (true)
        {
            try
            {
                ContainerVersion resource = await _resources.GetAsync(ns, name, cancellationToken);
                await seen(resource);
                if (IsDone(resource, version))
                    return resource;
            }
            catch (CvException e) when (e.IsTransient)
            {
                // Whoever waits has said for how long.
            }

            await Task.Delay(Interval, time, cancellationToken);
        }
    }

    /// <summary>Whether there is nothing to wait for any more. Pure.</summary>
    /// <exception cref="CvException">As for <see cref="UntilDoneAsync"/>: it will not come to what is wanted.</exception>
    internal static bool IsDone(ContainerVersion resource, string? version)
    {
        ContainerVersionStatus? status = resource.Status;
        // Not seen yet in its present form: what the status says is of a former one.
        if (status is null || status.ObservedGeneration < resource.Metadata.Generation)
            return false;
        if (status.Rollout is { } rollout && !RolloutPhase.IsFinal(rollout.Phase))
            return false;
        Condition? ready = ConditionList.Find(status.Conditions, ConditionTypes.Ready);
        if (version is null ? ready?.Status == "True" : status is { CurrStatus: CurrentStatus.Success } && status.CurrVersion == version)
            return true;
        if (resource.Spec.Suspend)
        {
            throw new CvException(ErrorIds.RolloutHeld, CvErrorKind.Conflict, $"{resource.Key}: {ready?.Message ?? "Suspended."}",
                $"Run Resume-ContainerVersion {resource.Metadata.Name} -Namespace {resource.Metadata.Namespace}.") { Target = resource.Key };
        }

        if (ConditionList.Find(status.Conditions, ConditionTypes.Stalled) is not { Status: "True" } stalled)
            return false;
        bool failed = stalled.Reason is ConditionReasons.RolloutFailed or ConditionReasons.Quarantined;
        // Another version's failure, or a tag that is still to be pushed, does not tell of this one.
        bool concerns = version is null || (failed ? status.Quarantined?.Any(q => q.Version == version) == true
            : stalled.Reason is not (ConditionReasons.TagNotFound or ConditionReasons.VersionNotFound or ConditionReasons.RepositoryNotFound));
        if (!concerns)
            return false;
        throw new CvException(failed ? ConditionReasons.RolloutFailed : stalled.Reason, failed ? CvErrorKind.Failed : CvErrorKind.Invalid, $"{resource.Key}: {stalled.Message}",
            failed ? "Fix the image, push it as a new version, and move the tag to that version. Get-CvRolloutHistory shows what happened."
                : "Fix the problem described in the message. Test-ContainerVersion shows details.") { Target = resource.Key };
    }
}
