using CvManager.Cluster;
using CvManager.Resources;
using CvManager.Workloads;
using Microsoft.Extensions.Logging;

namespace CvManager.Records;

/// <summary>
/// R8, R10: writes history, version ConfigMap and events. History and version ConfigMap are written before the status reports the end of a
/// rollout; what could not be written stays in the status until it is, so that no record is lost and no rollout waits for one.
/// </summary>
/// <remarks>Thread-safe and stateless.</remarks>
public sealed partial class RolloutRecords
{
    /// <summary>The maximum number of unrecorded rollouts in a status; beyond that the oldest is dropped and logged.</summary>
    internal const int MaxUnrecorded = 50;

    private readonly RolloutHistory _history;
    private readonly VersionConfigMap _config;
    private readonly EventRecorder _events;
    private readonly ILogger _logger;

    /// <param name="cluster">The cluster to write to.</param>
    /// <param name="environment">Its log gets what could not be written.</param>
    public RolloutRecords(ClusterConnection cluster, EngineEnvironment environment)
    {
        _history = new RolloutHistory(cluster, environment);
        _config = new VersionConfigMap(cluster, environment);
        _events = new EventRecorder(cluster, environment);
        _logger = environment.Logger;
    }

    /// <summary>True if a status contains records that are still to be written: reconcile again.</summary>
    public static bool HasUnwrittenRecords(ContainerVersion resource)
    {
        ArgumentNullException.ThrowIfNull(resource);
        return resource.Status is { } status && (status.Unrecorded is { Count: > 0 } || ConfigToWrite(resource, status) is not null);
    }

    /// <summary>
    /// Writes the records of finished rollouts and the rolled-out version, before the status is written. Makes no request if there is
    /// nothing to write. Throws only when it is cancelled.
    /// </summary>
    /// <param name="resource">The resource as read.</param>
    /// <param name="status">The status about to be written.</param>
    /// <param name="finished">The rollout that ended with this status; null for none.</param>
    /// <param name="cancellationToken">Stops between two requests; the next step writes the rest.</param>
    /// <returns>The status, including what could not be written.</returns>
    public async Task<ContainerVersionStatus> WriteAsync(
        ContainerVersion resource,
        ContainerVersionStatus status,
        RolloutStatus? finished,
        CancellationToken cancellationToken
    )
    {
        ArgumentNullException.ThrowIfNull(resource);
        ArgumentNullException.ThrowIfNull(status);
        var ns = resource.Metadata.Namespace ?? "";
        List<RolloutStatus> left = [];
        RecordProblem? problem = null;
        foreach (var ended in (status.Unrecorded ?? []).Concat(finished is null ? [] : [finished]))
        {
            try
            {
                // After one failure the others would fail as well; do not spend time on them.
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

        if (left.Count > MaxUnrecorded)
        {
            LogDropped(resource.Key, left.Count - MaxUnrecorded, Counted.Noun(left.Count - MaxUnrecorded, "record"));
            left.RemoveRange(0, left.Count - MaxUnrecorded);
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

        return status with
        {
            Unrecorded = left.Count == 0 ? null : left,
            NotRecorded = problem,
        };
    }

    /// <summary>
    /// True if a deleted resource needs final records: for a rollout in progress, or for records that are still to be written.
    /// </summary>
    public static bool NeedsFinalRecord(ContainerVersion resource)
    {
        ArgumentNullException.ThrowIfNull(resource);
        return resource.Status is { } status
            && (status.Unrecorded is { Count: > 0 } || (status.Rollout is { } rollout && !RolloutPhase.IsFinal(rollout.Phase)));
    }

    /// <summary>
    /// Writes the final records of a deleted resource: those still to be written, and one for the rollout in progress. Idempotent; call it
    /// again after a failure.
    /// </summary>
    /// <param name="resource">The resource as last read.</param>
    /// <param name="now">The time at which the deletion was detected.</param>
    /// <exception cref="CvException">The cluster refused or was unavailable.</exception>
    public async Task WriteDeletedAsync(ContainerVersion resource, DateTimeOffset now, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(resource);
        if (!NeedsFinalRecord(resource))
            return;
        List<RolloutStatus> ended = [.. resource.Status!.Unrecorded ?? []];
        if (resource.Status.Rollout is { } rollout && !RolloutPhase.IsFinal(rollout.Phase))
        {
            ended.Add(
                rollout with
                {
                    Phase = RolloutPhase.Abandoned,
                    FinishedAt = now,
                    Message =
                        $"The ContainerVersion was deleted during the rollout (phase {rollout.Phase}); its workloads were left unchanged.",
                }
            );
        }

        await _history.AppendAsync(
            resource.Metadata.Namespace ?? "",
            resource.Spec.History,
            [.. ended.SelectMany(one => RolloutRecord.Of(resource, one))],
            cancellationToken
        );
    }

    /// <summary>Writes the events of a status change. Throws only when it is cancelled.</summary>
    /// <param name="before">The resource before the change.</param>
    /// <param name="after">The resource as written.</param>
    /// <param name="workloads">The workloads that it selects.</param>
    public Task PublishEventsAsync(
        ContainerVersion before,
        ContainerVersion after,
        IReadOnlyList<Workload> workloads,
        CancellationToken cancellationToken
    ) => Task.WhenAll(RolloutEvents.Between(before, after, workloads).Select(happened => _events.WriteAsync(happened, cancellationToken)));

    /// <summary>The version to write to the ConfigMap; null if it is up to date.</summary>
    private static ConfigStatus? ConfigToWrite(ContainerVersion resource, ContainerVersionStatus status)
    {
        if (
            resource.Spec.Config is not { } config
            || status.CurrStatus != CurrentStatus.Success
            || status.SuccessVersion is not { } version
        )
            return null;
        ConfigStatus wanted = new(config.Name, config.Key, version);
        return wanted == status.Config ? null : wanted;
    }

    /// <summary>Logs a problem when it begins; the status then keeps it unchanged while the reason is the same (R12).</summary>
    private RecordProblem Note(ContainerVersion resource, CvException error, string what)
    {
        if (resource.Status?.NotRecorded is { } former && former.Reason == error.ErrorId)
            return former;
        RecordProblem problem = new(error.ErrorId, $"{error.Message} {error.Remedy}");
        LogNotKept(resource.Key, what, problem.Message, problem.Reason);
        return problem;
    }

    [LoggerMessage(
        EventId = LogEvents.RecordNotWritten,
        EventName = nameof(LogEvents.RecordNotWritten),
        Level = LogLevel.Warning,
        Message = "{Resource}: the {What} could not be written; retrying ({ErrorId}): {Why}"
    )]
    private partial void LogNotKept(string resource, string what, string why, string errorId);

    [LoggerMessage(
        EventId = LogEvents.RecordsGivenUp,
        EventName = nameof(LogEvents.RecordsGivenUp),
        Level = LogLevel.Error,
        Message = "{Resource}: dropped the oldest {Count} {Noun} that could not be written"
    )]
    private partial void LogDropped(string resource, int count, string noun);
}
