using CvManager.Cluster;
using CvManager.Records;
using CvManager.Resources;
using CvManager.Workloads;

namespace CvManager.Controller;

/// <summary>Writes the status of one resource during one step, and the events of what it wrote. Not thread-safe.</summary>
/// <param name="resources">Where the resource is.</param>
/// <param name="records">Publishes the events.</param>
/// <param name="resource">The resource as last read; its status is written only if it has not changed since.</param>
/// <param name="isApproved">False if nothing may be written before <see cref="Begin"/>.</param>
internal sealed class StatusWriter(ContainerVersionStore resources, RolloutRecords records, ContainerVersion resource, bool isApproved)
{
    private readonly List<(ContainerVersion Before, ContainerVersion After)> _changes = [];
    private IReadOnlyList<Workload> _workloads = [];
    private bool _isApproved = isApproved;
    private bool _hasFailed;

    /// <summary>The resource as last written; as read if nothing was written.</summary>
    public ContainerVersion Written { get; private set; } = resource;

    /// <summary>The status as last written; before that, what the next write starts from.</summary>
    public ContainerVersionStatus Current { get; private set; } = resource.Status ?? new ContainerVersionStatus();

    /// <summary>Sets what the step starts from, without a write. The plan is approved.</summary>
    /// <param name="status">The status, with the current version of the tag.</param>
    /// <param name="workloads">The workloads that get events, too.</param>
    public void Begin(ContainerVersionStatus status, IReadOnlyList<Workload> workloads) =>
        (Current, _workloads, _isApproved) = (status, workloads, true);

    /// <summary>Writes the status only if it changed (R12).</summary>
    /// <exception cref="CvException">
    /// The cluster refused or was unavailable; <c>ResourceConflict</c> if the resource has to be read again.
    /// </exception>
    public async Task WriteAsync(ContainerVersionStatus status, CancellationToken cancellationToken)
    {
        var next = Written with { Status = status };
        if (ContainerVersionManifest.StatusEquals(Written, next))
            return;
        try
        {
            next = await resources.UpdateStatusAsync(next, cancellationToken);
        }
        catch (CvException)
        {
            _hasFailed = true;
            throw;
        }

        _changes.Add((Written, next));
        (Written, Current) = (next, next.Status!);
    }

    /// <summary>
    /// Reports in the status what the cluster refused, unless it was the status itself. A rollout in progress continues: it does not fail
    /// for an infrastructure fault (R6).
    /// </summary>
    /// <inheritdoc cref="WriteAsync" path="/exception"/>
    public async Task ReportRefusalAsync(CvException error, DateTimeOffset now, CancellationToken cancellationToken)
    {
        if (_hasFailed || !_isApproved)
            return;
        var generation = Written.Metadata.Generation;
        await WriteAsync(
            Current with
            {
                ObservedGeneration = generation,
                Conditions = ConditionList.Stalled(
                    Current.Conditions,
                    error.ErrorId == ErrorIds.ClusterForbidden ? ConditionReasons.ClusterForbidden : ConditionReasons.ClusterRefused,
                    $"{error.Message} {error.Remedy}",
                    generation,
                    now
                ),
            },
            cancellationToken
        );
    }

    /// <summary>Publishes the events of everything that was written. Throws only when it is cancelled.</summary>
    public async Task PublishEventsAsync(CancellationToken cancellationToken)
    {
        foreach ((var before, var after) in _changes)
            await records.PublishEventsAsync(before, after, _workloads, cancellationToken);
    }
}
