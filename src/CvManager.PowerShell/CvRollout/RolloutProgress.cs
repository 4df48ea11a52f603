using System.Management.Automation;
using CvManager.Cluster;
using CvManager.Resources;
using CvManager.Rollouts;
using Resource = CvManager.Resources.ContainerVersion;

namespace CvManager.PowerShell;

/// <summary>Waits for rollouts and shows a progress bar.</summary>
internal static class RolloutProgress
{
    /// <summary>True in CI, where each update of a progress bar would add a line to the log.</summary>
    public static bool IsQuiet { get; } =
        Environment.GetEnvironmentVariable("CI") is { Length: > 0 } || Environment.GetEnvironmentVariable("TF_BUILD") is { Length: > 0 };

    /// <param name="cluster">The cluster of the resource.</param>
    /// <param name="resource">The ContainerVersion to wait for.</param>
    /// <param name="version">The version to wait for; null for the version that the resource should have.</param>
    /// <param name="write">Writes a progress record.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="CvException">See <see cref="RolloutWait.UntilDoneAsync"/>.</exception>
    public static async Task<Resource> WaitAsync(
        ClusterConnection cluster,
        Resource resource,
        string? version,
        Action<ProgressRecord> write,
        CancellationToken cancellationToken
    )
    {
        var activity = resource.Key.GetHashCode(StringComparison.Ordinal) & int.MaxValue;
        var last = Of(activity, resource);
        try
        {
            return await new RolloutWait(cluster, TimeProvider.System).UntilDoneAsync(
                resource.Metadata.Namespace!,
                resource.Metadata.Name,
                version,
                seen =>
                {
                    last = Of(activity, seen);
                    if (!IsQuiet)
                        write(last);
                    return Task.CompletedTask;
                },
                cancellationToken
            );
        }
        finally
        {
            if (!IsQuiet)
                write(new ProgressRecord(activity, last.Activity, last.StatusDescription) { RecordType = ProgressRecordType.Completed });
        }
    }

    /// <summary>The progress of a rollout: the share of its workloads that are finished.</summary>
    internal static ProgressRecord Of(int activity, Resource resource)
    {
        var rollout = resource.Status?.Rollout;
        var inProgress = rollout is not null && !RolloutPhase.IsFinal(rollout.Phase);
        var message = ConditionList.Find(resource.Status?.Conditions, ConditionTypes.Ready)?.Message;
        var record = new ProgressRecord(
            activity,
            resource.Key,
            inProgress ? $"{rollout!.Phase}: version {rollout.Version}" : "Waiting for the controller"
        )
        {
            CurrentOperation = string.IsNullOrEmpty(message) ? null : message,
        };
        if (inProgress && rollout!.Workloads.Count > 0)
            record.PercentComplete =
                100 * rollout.Workloads.Count(workload => RolloutPhase.IsFinal(workload.Phase)) / rollout.Workloads.Count;
        return record;
    }
}
