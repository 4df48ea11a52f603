using CvManager.Cluster;
using CvManager.Resources;
using CvManager.Workloads;
using Microsoft.Extensions.Logging;

namespace CvManager.Records;

/// <summary>
/// R8, R10: what is remembered of rollouts. History and version ConfigMap are written before the status says that a rollout has ended,
/// and what could not be written stays in the status until it is: no record is lost, and no rollout waits for one.
/// </summary>
/// <remarks>Thread-safe; keeps nothing between two calls.</remarks>
public sealed partial class RolloutRecords
{
    /// <summary>Rollouts whose records may wait in one status; beyond that the oldest is given up, and the log told.</summary>
    internal const int MostUnrecorded = 50;

    private readonly RolloutHistory _history;
    private readonly VersionConfigMap _config;
    private readonly EventRecorder _events;
    private readonly ILogger _log;

    /// <param name="cluster">Where all of it is written.</param>
    /// <param name="time">The clock.</param>
    /// <param name="log">Hears of what could not be written.</param>
    /// <param name="random">Draws the jitter between two attempts; null for the process's own.</param>
    public RolloutRecords(ClusterConnection cluster, TimeProvider time, ILogger log, Random? random = null)
    {
        _history = new RolloutHistory(cluster, time, log, random);
        _config = new VersionConfigMap(cluster, time, random);
        _events = new EventRecorder(cluster, time, log);
        _log = log;
    }

    /// <summary>True where a status holds what could not be recorded: it is to be looked at again.</summary>
    public static bool IsBehind(ContainerVersion resource)
    {
        ArgumentNullException.ThrowIfNull(resource);
        return resource.Status is { } status && (status.Unrecorded is { Count: > 0 } || ConfigToWrite(resource, status) is not null);
    }

    /// <summary>
    /// Writes the records of what has ended, and the version that is rolled out, before the status is written. Asks nothing of the cluster
    /// where there is nothing to write.
    /// </summary>
    /// <param name="resource">As it was read.</param>
    /// <param name="status">The status that it is to have.</param>
    /// <param name="finished">The rollout that ended with it; null for none.</param>
    /// <param name="cancellationToken">Stops between two requests; whoever comes next does it again.</param>
    /// <returns>The status, with what could not be written in it. Throws nothing but the cancellation.</returns>
    public async Task<ContainerVersionStatus> KeepAsync(ContainerVersion resource, ContainerVersionStatus status, RolloutStatus? finished, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(resource);
        ArgumentNullException.ThrowIfNull(status);
        string ns = resource.Metadata.Namespace ?? "";
        List<RolloutStatus> left = [];
        RecordProblem? problem = null;
        foreach (RolloutStatus ended in (status.Unrecorded ?? []).Concat(finished is null ? [] : [finished]))
        {
            try
            {
                // After a failure the others would fail likewise, and only take time.
                if (problem is null)
                    await _history.AppendAsync(ns, resource.Spec.History, RolloutRecord.Of(resource, ended), cancellationToken);
                else
                    left.Add(ended);
            }
            catch (CvException e)
            {
                left.Add(ended);
                problem = Note(resource, e, "rollout history");
            }
        }

        if (left.Count > MostUnrecorded)
        {
            LogGivenUp(resource.Key, left.Count - MostUnrecorded);
            left.RemoveRange(0, left.Count - MostUnrecorded);
        }

        if (ConfigToWrite(resource, status) is { } config)
        {
            try
            {
                await _config.WriteAsync(ns, resource.Spec.Config!, config.Version, cancellationToken);
                status = status with { Config = config };
            }
            catch (CvException e)
            {
                problem = Note(resource, e, "version ConfigMap");
            }
        }

        return status with { Unrecorded = left.Count == 0 ? null : left, NotRecorded = problem };
    }

    /// <summary>True where a resource that is deleted leaves something to record: a rollout in progress, or one whose record waits.</summary>
    public static bool IsOwed(ContainerVersion resource)
    {
        ArgumentNullException.ThrowIfNull(resource);
        return resource.Status is { } status && (status.Unrecorded is { Count: > 0 } || (status.Rollout is { } rollout && !RolloutPhase.IsFinal(rollout.Phase)));
    }

    /// <summary>
    /// Writes the records of a resource that was deleted: those that waited, and of the rollout that was in progress. To be called again, by
    /// whomever, where it fails: what is recorded already changes nothing.
    /// </summary>
    /// <param name="resource">As it was last seen.</param>
    /// <param name="now">When it was found to be gone.</param>
    /// <exception cref="CvException">The cluster refused, or could not be asked.</exception>
    public async Task KeepDeletedAsync(ContainerVersion resource, DateTimeOffset now, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(resource);
        if (!IsOwed(resource))
            return;
        List<RolloutStatus> ended = [.. resource.Status!.Unrecorded ?? []];
        if (resource.Status.Rollout is { } rollout && !RolloutPhase.IsFinal(rollout.Phase))
        {
            ended.Add(rollout with
            {
                Phase = RolloutPhase.Abandoned, FinishedAt = now,
                Message = $"The ContainerVersion was deleted during the rollout (phase {rollout.Phase}); its workloads were left unchanged.",
            });
        }

        await _history.AppendAsync(resource.Metadata.Namespace ?? "", resource.Spec.History, [.. ended.SelectMany(one => RolloutRecord.Of(resource, one))], cancellationToken);
    }

    /// <summary>Writes the events that a change of the status is worth. Throws nothing but the cancellation.</summary>
    /// <param name="before">The resource as it was.</param>
    /// <param name="after">As it is now, in the cluster.</param>
    /// <param name="workloads">Those that it selects.</param>
    public Task PublishEventsAsync(ContainerVersion before, ContainerVersion after, IReadOnlyList<Workload> workloads, CancellationToken cancellationToken) =>
        Task.WhenAll(RolloutEvents.Between(before, after, workloads).Select(happened => _events.WriteAsync(happened, cancellationToken)));

    /// <summary>Null where there is nothing to write.</summary>
    private static ConfigStatus? ConfigToWrite(ContainerVersion resource, ContainerVersionStatus status)
    {
        if (resource.Spec.Config is not { } config || status.CurrStatus != CurrentStatus.Success || status.SuccessVersion is not { } version)
            return null;
        ConfigStatus wanted = new(config.Name, config.Key, version);
        return wanted == status.Config ? null : wanted;
    }

    /// <summary>Logged when it begins; from then on the status has its reason, and stays as it is while that is the same (R12).</summary>
    private RecordProblem Note(ContainerVersion resource, CvException error, string what)
    {
        if (resource.Status?.NotRecorded is { } former && former.Reason == error.ErrorId)
            return former;
        RecordProblem problem = new(error.ErrorId, $"{error.Message} {error.Remedy}");
        LogNotKept(resource.Key, what, problem.Message, problem.Reason);
        return problem;
    }

    [LoggerMessage(EventId = LogEvents.RecordNotWritten, EventName = nameof(LogEvents.RecordNotWritten), Level = LogLevel.Warning,
        Message = "{Resource}: the {What} could not be written; retrying ({ErrorId}): {Why}")]
    private partial void LogNotKept(string resource, string what, string why, string errorId);

    [LoggerMessage(EventId = LogEvents.RecordsGivenUp, EventName = nameof(LogEvents.RecordsGivenUp), Level = LogLevel.Error,
        Message = "{Resource}: the oldest {Count} records that could not be written were dropped")]
    private partial void LogGivenUp(string resource, int count);
}
