using CvManager.Cluster;
using CvManager.Following;
using CvManager.Records;
using CvManager.Resources;
using CvManager.Rollouts;
using CvManager.Versions;
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
/// Reconciles a resource: finds the version of the tag, plans, runs the steps that can run now, and writes the status if it changed. Holds no
/// state between two calls except the optional <see cref="RolloutClock"/>.
/// </summary>
/// <remarks>Thread-safe, but one resource must be reconciled by one caller at a time.</remarks>
public sealed partial class Reconciler
{
    private readonly ContainerVersionStore _resources;
    private readonly WorkloadStore _workloads;
    private readonly ServiceStore _services;
    private readonly IResourceVersions _versions;
    private readonly RolloutRunner _runner;
    private readonly RolloutRecords _records;
    private readonly RolloutClock _clock;
    private readonly ILogger _logger;

    /// <param name="cluster">The cluster with the resources and workloads.</param>
    /// <param name="versions">Finds the versions of the tags.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">Logs the end of rollouts, and registry problems.</param>
    /// <param name="seen">See <see cref="WorkloadStore"/>.</param>
    /// <param name="random">See <see cref="RolloutRecords"/> and <see cref="RolloutRunner"/>; null for the default.</param>
    /// <param name="clock">The rollout clock of earlier reconcilers of this process; null for a new one.</param>
    public Reconciler(
        ClusterConnection cluster,
        IResourceVersions versions,
        TimeProvider time,
        ILogger logger,
        Action<Workload>? seen = null,
        Random? random = null,
        RolloutClock? clock = null
    )
    {
        _resources = new ContainerVersionStore(cluster);
        _workloads = new WorkloadStore(cluster, seen);
        _versions = versions;
        _services = new ServiceStore(cluster);
        _clock = clock ?? new RolloutClock(time);
        _runner = new RolloutRunner(cluster, _workloads, _clock, random);
        _records = new RolloutRecords(cluster, time, logger, random);
        _logger = logger;
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
        Planner.Plan((await ReadInputAsync(resource, context, cancellationToken)).Input);

    /// <summary>Runs one step, and writes the status if it changed.</summary>
    /// <param name="resource">The resource as last read; its status is written only if it has not changed since.</param>
    /// <param name="context">The context as last read.</param>
    /// <param name="approve">Called with the plan before it is carried out; if it returns false, nothing is written. Null approves.</param>
    /// <param name="cancellationToken">Stops between two requests.</param>
    /// <exception cref="CvException">The cluster refused or was unavailable; <c>ResourceConflict</c> if the resource has to be read again.</exception>
    public async Task<ReconcileResult> ReconcileAsync(
        ContainerVersion resource,
        PlanContext context,
        Func<RolloutPlan, Task<bool>>? approve,
        CancellationToken cancellationToken
    )
    {
        ArgumentNullException.ThrowIfNull(resource);
        var before = resource.Status ?? new ContainerVersionStatus();
        var written = resource;
        List<(ContainerVersion Before, ContainerVersion After)> changes = [];
        PlanInput input;
        LatestVersion? latest;
        CvException? problem;
        try
        {
            (input, latest, problem) = await ReadInputAsync(resource, context, cancellationToken);
        }
        catch (CvException e)
        {
            _clock.Interrupt(resource.Key);
            if (approve is null && NeedsIntervention(e))
                await ReportRefusalAsync(resource, before, e, cancellationToken);
            throw;
        }

        var plan = Planner.Plan(input);
        // The tag has not been read yet; the poller wakes the resource.
        if (input is { Version: null, Problem: null } && plan.Reason != ConditionReasons.InvalidSpec)
            return new ReconcileResult(plan, resource, null, null);
        if (approve is not null && !await approve(plan))
            return new ReconcileResult(plan, resource, null, null);
        var status = before with { Latest = latest, Quarantined = StillQuarantined(resource.Spec, before, latest) };
        plan = plan with { Resource = resource with { Status = status } };

        StepResult step;
        var writing = false;
        try
        {
            step = await _runner.StepAsync(
                plan,
                status,
                async (intent, token) =>
                {
                    writing = true;
                    written = await WriteAsync(written, intent, changes, token);
                    writing = false;
                },
                cancellationToken
            );
            writing = true;
            var after = step.Status with { ObservedGeneration = resource.Metadata.Generation };
            // Records first: the status reports the end of a rollout only after its record is written (R10).
            after = await _records.WriteAsync(resource, after, step.Finished, cancellationToken);
            written = await WriteAsync(written, after, changes, cancellationToken);
        }
        catch (CvException e) when (e.ErrorId != ErrorIds.ResourceConflict)
        {
            _clock.Interrupt(resource.Key);
            if (!writing && NeedsIntervention(e))
                await ReportRefusalAsync(written, written == resource ? status : written.Status!, e, cancellationToken);
            throw;
        }
        finally
        {
            // Events last, so that no patch waits for one.
            foreach ((var former, var now) in changes)
                await _records.PublishEventsAsync(former, now, plan.Workloads, cancellationToken);
        }

        // Logged once: from then on the status has the reason.
        if (plan.Problem is { } reported && ReadyReason(written) == plan.Reason && ReadyReason(resource) != plan.Reason)
            LogProblem(resource.Key, reported.ErrorId, reported.Message);
        if (step.Finished is { } finished)
            LogFinished(resource.Key, finished.Version, finished.Phase, finished.Message ?? "");
        return new ReconcileResult(plan, written, step.RequeueAfter, step.Finished, problem);
    }

    /// <summary>R8: writes the final records of a deleted resource.</summary>
    /// <param name="resource">The resource as last read.</param>
    /// <param name="cancellationToken">Stops between two requests.</param>
    /// <exception cref="CvException">The cluster refused or was unavailable.</exception>
    public Task EndAsync(ContainerVersion resource, CancellationToken cancellationToken) =>
        _records.WriteDeletedAsync(resource, _clock.Now(), cancellationToken);

    /// <summary>Finds the version of the tag, and collects the input of the plan.</summary>
    private async Task<(PlanInput Input, LatestVersion? Latest, CvException? Problem)> ReadInputAsync(
        ContainerVersion resource,
        PlanContext context,
        CancellationToken cancellationToken
    )
    {
        PlanInput input = new()
        {
            Resource = resource,
            Workloads = context.Workloads,
            Neighbours = context.Neighbours,
            WorkloadsError = context.WorkloadsError,
        };
        var latest = resource.Status?.Latest;
        if (ContainerVersionValidator.Validate(resource).Count > 0)
            return (input, latest, null);
        var pinned = resource.Spec.PinVersion.Length > 0;
        ResolvedVersion? version = null;
        CvException? problem = null;
        try
        {
            version = await _versions.FindAsync(resource, context, cancellationToken);
            if (
                version is not null
                && (latest is null || latest.Tag != version.Tag || latest.Digest != version.Digest || latest.Version != version.Version)
            )
                latest = new LatestVersion
                {
                    Tag = version.Tag,
                    Version = version.Version,
                    Digest = version.Digest,
                    SeenAt = version.SeenAt,
                };
        }
        catch (CvException e)
        {
            problem = e;
        }

        // A pin applies independently of the tag (R7), whose version is still shown in the status.
        var obstacle = problem;
        try
        {
            if (pinned)
                (version, obstacle) = (await _versions.FindPinnedAsync(resource, context, cancellationToken), null);
        }
        catch (CvException e)
        {
            (version, obstacle) = (null, e);
        }

        problem = obstacle ?? problem;
        if (
            version is not null
            && resource.Spec.Strategy.BlueGreen is { } blueGreen
            && resource.Spec.Strategy.Kind == StrategySpec.ServiceBlueGreen
        )
            input = input with
            {
                Service = await _services.FindAsync(resource.Metadata.Namespace!, blueGreen.ServiceName, cancellationToken),
            };
        return (input with { Version = version, Problem = obstacle }, latest, problem);
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

    /// <summary>Reports in the status what the cluster refused. A rollout in progress continues: it does not fail for an infrastructure fault (R6).</summary>
    private async Task ReportRefusalAsync(
        ContainerVersion resource,
        ContainerVersionStatus status,
        CvException error,
        CancellationToken cancellationToken
    )
    {
        var reason = error.ErrorId == ErrorIds.ClusterForbidden ? ConditionReasons.ClusterForbidden : ConditionReasons.ClusterRefused;
        List<(ContainerVersion Before, ContainerVersion After)> changes = [];
        await WriteAsync(
            resource,
            status with
            {
                ObservedGeneration = resource.Metadata.Generation,
                Conditions = ConditionList.Stalled(
                    status.Conditions,
                    reason,
                    $"{error.Message} {error.Remedy}",
                    resource.Metadata.Generation,
                    _clock.Now()
                ),
            },
            changes,
            cancellationToken
        );
        foreach ((var former, var now) in changes)
            await _records.PublishEventsAsync(former, now, [], cancellationToken);
    }

    /// <summary>Writes the status only if it changed (R12).</summary>
    private async Task<ContainerVersion> WriteAsync(
        ContainerVersion resource,
        ContainerVersionStatus status,
        List<(ContainerVersion Before, ContainerVersion After)> changes,
        CancellationToken cancellationToken
    )
    {
        var next = resource with { Status = status };
        if (ContainerVersionManifest.StatusEquals(resource, next))
            return resource;
        var written = await _resources.UpdateStatusAsync(next, cancellationToken);
        changes.Add((resource, written));
        return written;
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
