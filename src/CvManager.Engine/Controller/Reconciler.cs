using CvManager.Cluster;
using CvManager.Following;
using CvManager.Records;
using CvManager.Resources;
using CvManager.Rollouts;
using CvManager.Watching;
using CvManager.Workloads;
using Microsoft.Extensions.Logging;

namespace CvManager.Controller;

/// <summary>The result of reconciling one resource.</summary>
/// <param name="Plan">The plan.</param>
/// <param name="Resource">The resource as it is now.</param>
/// <param name="RequeueAfter">When to reconcile again; null if nothing is due before the next change or poll.</param>
/// <param name="Finished">The rollout that ended with this step; null for none.</param>
/// <param name="Problem">Why the version (or, for a pinned resource, the version of the tag) is unknown; null if it is known.</param>
public sealed record ReconcileResult(
    RolloutPlan Plan,
    ContainerVersion Resource,
    TimeSpan? RequeueAfter,
    RolloutStatus? Finished,
    CvException? Problem = null
)
{
    /// <summary>True while a rollout is in progress.</summary>
    public bool IsInProgress => Resource.Status?.Rollout is { } rollout && !RolloutPhase.IsFinal(rollout.Phase);
}

/// <summary>
/// Reconciles a resource: finds the version of the tag, plans, runs the steps that can run now, and writes the status if it changed. Holds
/// no state between two calls except the optional <see cref="RolloutClock"/>.
/// </summary>
/// <remarks>Thread-safe, but one resource must be reconciled by one caller at a time.</remarks>
public sealed partial class Reconciler
{
    private readonly ContainerVersionStore _resources;
    private readonly WorkloadStore _workloads;
    private readonly PlanInputReader _inputs;
    private readonly RolloutRunner _runner;
    private readonly RolloutRecords _records;
    private readonly RolloutClock _clock;
    private readonly ILogger _logger;
    private readonly EngineMetrics? _metrics;

    /// <param name="cluster">The cluster with the resources and workloads.</param>
    /// <param name="versions">Finds the versions of the tags.</param>
    /// <param name="environment">Its log gets the end of rollouts, and registry problems.</param>
    /// <param name="seen">See <see cref="WorkloadStore"/>.</param>
    /// <param name="clock">The rollout clock of earlier reconcilers of this process; null for a new one.</param>
    public Reconciler(
        ClusterConnection cluster,
        IResourceVersions versions,
        EngineEnvironment environment,
        Action<Workload>? seen = null,
        RolloutClock? clock = null
    )
    {
        _resources = new ContainerVersionStore(cluster);
        _workloads = new WorkloadStore(cluster, seen);
        _inputs = new PlanInputReader(versions, new ServiceStore(cluster));
        _clock = clock ?? new RolloutClock(environment.Time);
        _runner = new RolloutRunner(cluster, _workloads, _clock, environment);
        _records = new RolloutRecords(cluster, environment);
        _logger = environment.Logger;
        _metrics = environment.Metrics;
    }

    /// <summary>Reads the contents of a namespace once for all its resources.</summary>
    /// <param name="ns">Null for all namespaces.</param>
    /// <exception cref="CvException">The cluster could not be read.</exception>
    public async Task<NamespaceSnapshot> ReadAsync(string? ns, CancellationToken cancellationToken)
    {
        var resources = _resources.ListAsync(ns, null, cancellationToken);
        var workloads = _workloads.ListAsync(ns, cancellationToken);
        await Task.WhenAll(resources, workloads);
        return new NamespaceSnapshot(await resources, await workloads);
    }

    /// <summary>R2: returns what would change now. Changes nothing.</summary>
    public async Task<RolloutPlan> PlanAsync(ContainerVersion resource, PlanContext context, CancellationToken cancellationToken) =>
        Planner.Plan((await _inputs.ReadAsync(resource, context, cancellationToken)).Input);

    /// <summary>Runs one step, and writes the status if it changed.</summary>
    /// <param name="resource">The resource as last read; its status is written only if it has not changed since.</param>
    /// <param name="context">The context as last read.</param>
    /// <param name="approve">Called with the plan before it is carried out; if it returns false, nothing is written. Null approves.</param>
    /// <param name="cancellationToken">Stops between two requests.</param>
    /// <exception cref="CvException">
    /// The cluster refused or was unavailable; <c>ResourceConflict</c> if the resource has to be read again.
    /// </exception>
    public async Task<ReconcileResult> ReconcileAsync(
        ContainerVersion resource,
        PlanContext context,
        Func<RolloutPlan, Task<bool>>? approve,
        CancellationToken cancellationToken
    )
    {
        ArgumentNullException.ThrowIfNull(resource);
        StatusWriter status = new(_resources, _records, resource, isApproved: approve is null);
        try
        {
            (var input, var latest, var problem) = await _inputs.ReadAsync(resource, context, cancellationToken);
            var plan = Planner.Plan(input);
            // The tag has not been read yet; the poller wakes the resource.
            if (input is { Version: null, Problem: null } && plan.Reason != ConditionReasons.InvalidSpec)
                return new ReconcileResult(plan, resource, null, null);
            if (approve is not null && !await approve(plan))
                return new ReconcileResult(plan, resource, null, null);

            var before = resource.Status ?? new ContainerVersionStatus();
            status.Begin(before with { Latest = latest, Quarantined = StillQuarantined(resource.Spec, before, latest) }, plan.Workloads);
            plan = plan with { Resource = resource with { Status = status.Current } };
            var step = await _runner.StepAsync(plan, status.Current, status.WriteAsync, cancellationToken);
            var after = step.Status with { ObservedGeneration = resource.Metadata.Generation };
            // Records first: the status reports the end of a rollout only after its record is written (R10).
            after = await _records.WriteAsync(resource, after, step.Finished, cancellationToken);
            await status.WriteAsync(after, cancellationToken);
            if (_metrics is not null)
                RolloutMeasures.Report(_metrics, resource, status.Written, step.Finished);
            LogOutcome(plan, resource, status.Written, step.Finished);
            return new ReconcileResult(plan, status.Written, step.RequeueAfter, step.Finished, problem);
        }
        catch (CvException e) when (e.ErrorId != ErrorIds.ResourceConflict)
        {
            _clock.Interrupt(resource.Key);
            if (NeedsIntervention(e))
                await status.ReportRefusalAsync(e, _clock.Now(), cancellationToken);
            throw;
        }
        finally
        {
            // Events last, so that no patch waits for one.
            await status.PublishEventsAsync(cancellationToken);
        }
    }

    /// <summary>R8: writes the final records of a deleted resource.</summary>
    /// <param name="resource">The resource as last read.</param>
    /// <param name="cancellationToken">Stops between two requests.</param>
    /// <exception cref="CvException">The cluster refused or was unavailable.</exception>
    public async Task EndAsync(ContainerVersion resource, CancellationToken cancellationToken)
    {
        await _records.WriteDeletedAsync(resource, _clock.Now(), cancellationToken);
        if (_metrics is not null)
            RolloutMeasures.ReportDeleted(_metrics, resource, _clock.Now());
    }

    /// <summary>R6: a quarantine lasts until the tag moves; that of a pinned version is independent of the tag.</summary>
    private static IReadOnlyList<QuarantinedDigest>? StillQuarantined(
        ContainerVersionSpec spec,
        ContainerVersionStatus status,
        LatestVersion? latest
    )
    {
        if (status.Quarantined is null || latest is null || latest.Digest == status.Latest?.Digest)
            return status.Quarantined;
        var still = status
            .Quarantined.Where(q => q.Digest == latest.Digest || q.Version == spec.PinVersion || q.Digest == spec.PinVersion)
            .ToList();
        return still.Count == 0 ? null : still;
    }

    /// <summary>True for an error that a retry cannot fix: a missing permission, or an admission policy.</summary>
    private static bool NeedsIntervention(CvException error) => error.Kind is CvErrorKind.Forbidden or CvErrorKind.Invalid;

    private static string? ReadyReason(ContainerVersion resource) =>
        ConditionList.Find(resource.Status?.Conditions, ConditionTypes.Ready)?.Reason;

    /// <summary>
    /// Logs a problem of the version when it begins, because from then on the status has the reason; and the end of a rollout.
    /// </summary>
    private void LogOutcome(RolloutPlan plan, ContainerVersion before, ContainerVersion after, RolloutStatus? finished)
    {
        if (plan.Problem is { } problem && ReadyReason(after) == plan.Reason && ReadyReason(before) != plan.Reason)
            LogProblem(before.Key, problem.ErrorId, problem.Message);
        if (finished is not null)
            LogFinished(before.Key, finished.Version, finished.Phase, finished.Message ?? "");
    }

    [LoggerMessage(
        EventId = LogEvents.RolloutEnded,
        EventName = nameof(LogEvents.RolloutEnded),
        Level = LogLevel.Information,
        Message = "{Resource}: rollout of version {Version} finished: {Phase}. {Message}"
    )]
    private partial void LogFinished(string resource, string version, string phase, string message);

    [LoggerMessage(
        EventId = LogEvents.VersionProblem,
        EventName = nameof(LogEvents.VersionProblem),
        Level = LogLevel.Warning,
        Message = "{Resource} ({ErrorId}): {Message}"
    )]
    private partial void LogProblem(string resource, string errorId, string message);
}
