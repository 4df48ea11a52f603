using System.Management.Automation;
using CvManager.Cluster;
using CvManager.Resources;
using CvManager.Rollouts;
using Resource = CvManager.Resources.ContainerVersion;

namespace CvManager.PowerShell;

/// <summary>Waits for rollouts, with a progress bar where somebody can see it.</summary>
internal static class RolloutProgress
{
    /// <summary>True in a pipeline: its log would get a line for each step of the bar.</summary>
    public static bool IsQuiet { get; } = Environment.GetEnvironmentVariable("CI") is { Length: > 0 } || Environment.GetEnvironmentVariable("TF_BUILD") is { Length: > 0 };

    /// <param name="version">Null for whatever the resource asks for by then.</param>
    /// <param name="write">Writes a progress record.</param>
    /// <exception cref="CvException">Those of <see cref="RolloutWait.UntilDoneAsync"/>.</exception>
    public static async Task<Resource> WaitAsync(ClusterConnection cluster, Resource resource, string? version, Action<ProgressRecord> write, CancellationToken cancellationToken)
    {
        var activity = resource.Key.GetHashCode(StringComparison.Ordinal) & int.MaxValue;
        var last = Of(activity, resource);
        try
        {
            return await new RolloutWait(cluster, TimeProvider.System).UntilDoneAsync(resource.Metadata.Namespace!, resource.Metadata.Name, version, seen =>
            {
                last = Of(activity, seen);
                if (!IsQuiet)
                    write(last);
                return Task.CompletedTask;
            }, cancellationToken);
        }
        finally
        {
            if (!IsQuiet)
                write(new ProgressRecord(activity, last.Activity, last.StatusDescription) { RecordType = ProgressRecordType.Completed });
        }
    }

    /// <summary>How far a rollout has got: its workloads that are done, of all.</summary>
    internal static ProgressRecord Of(int activity, Resource resource)
    {
        var rollout = resource.Status?.Rollout;
        var going = rollout is not null && !RolloutPhase.IsFinal(rollout.Phase);
        var message = ConditionList.Find(resource.Status?.Conditions, ConditionTypes.Ready)?.Message;
        var record = new ProgressRecord(activity, resource.Key, going ? $"{rollout!.Phase}: version {rollout.Version}" : "Waiting for the controller")
        {
            CurrentOperation = string.IsNullOrEmpty(message) ? null : message,
        };
        if (going && rollout!.Workloads.Count > 0)
            record.PercentComplete = 100 * rollout.Workloads.Count(workload => RolloutPhase.IsFinal(workload.Phase)) / rollout.Workloads.Count;
        return record;
    }
}
