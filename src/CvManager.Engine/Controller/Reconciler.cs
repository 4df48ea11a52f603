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

/// <summary>What a look at one resource led to.</summary>
/// <param name="Plan">What was to be done.</param>
/// <param name="Resource">The resource as it is now.</param>
/// <param name="ComeAgain">When there is something to do or to see again; null where the next poll is soon enough.</param>
/// <param name="Finished">The rollout that ended with this step.</param>
/// <param name="Problem">Why the version is not known, or, of a pinned one, what the tag stands for; null where it is.</param>
public sealed record ReconcileResult(RolloutPlan Plan, ContainerVersion Resource, TimeSpan? ComeAgain, RolloutStatus? Finished, CvException? Problem = null)
{
    /// <summary>True while a rollout is in progress.</summary>
    public bool IsInProgress => Resource.Status?.Rollout is { } rollout && !RolloutPhase.IsFinal(rollout.Phase);
}

/// <summary>
/// Brings resources to what they ask for: reads the world afresh, finds what the tag stands for, plans, runs what can be run now,
/// and writes the status where it changed. Keeps nothing that matters between two calls: see <see cref="RolloutClock"/>.
/// </summary>
/// <remarks>Thread-safe; one resource is to be reconciled by one caller at a time.</remarks>
public sealed partial class Reconciler
{
    private readonly ContainerVersionStore _resources;
    private readonly WorkloadStore _workloads;
    private readonly ServiceStore _services;
    private readonly IResourceVersions _versions;
    private readonly RolloutRunner _runner;
    private readonly RolloutRecords _records;
    private readonly RolloutClock _clock;
    private readonly ILogger _log;

    /// <param name="cluster">Where resources and workloads are.</param>
    /// <param name="versions">What their tags stand for.</param>
    /// <param name="time">The clock.</param>
    /// <param name="log">Gets how rollouts end, and what is wrong with a registry.</param>
    /// <param name="seen">See <see cref="WorkloadStore"/>.</param>
    /// <param name="random">See <see cref="RolloutRecords"/> and <see cref="RolloutRunner"/>; null for the process's own.</param>
    /// <param name="clock">What former reconcilers of this process measured rollouts by; null for none.</param>
    public Reconciler(ClusterConnection cluster, IResourceVersions versions, TimeProvider time, ILogger log, Action<Workload>? seen = null, Random? random = null,
        RolloutClock? clock = null)
    {
        _resources = new ContainerVersionStore(cluster);
        _workloads = new WorkloadStore(cluster, seen);
        _versions = versions;
        _services = new ServiceStore(cluster);
        _clock = clock ?? new RolloutClock(time);
        _runner = new RolloutRunner(cluster, _workloads, _clock, random);
        _records = new RolloutRecords(cluster, time, log, random);
        _log = log;
    }

    /// <summary>What a namespace holds, read once for all its resources.</summary>
    /// <param name="ns">Null for all namespaces.</param>
    /// <exception cref="CvException">The cluster could not be asked.</exception>
    public async Task<NamespaceSnapshot> ReadAsync(string? ns, CancellationToken cancellationToken)
    {
        Task<IReadOnlyList<ContainerVersion>> resources = _resources.ListAsync(ns, null, cancellationToken);
        Task<IReadOnlyList<Workload>> workloads = _workloads.ListAsync(ns, cancellationToken);
        await Task.WhenAll(resources, workloads);
        return new NamespaceSnapshot(await resources, await workloads);
    }

    /// <summary>R2: what would change now. Changes nothing.</summary>
    public async Task<RolloutPlan> PlanAsync(ContainerVersion resource, PlanContext context, CancellationToken cancellationToken) =>
        Planner.Plan((await LookAsync(resource, context, cancellationToken)).Input);

    /// <summary>Runs one step, and writes the status where it changed.</summary>
    /// <param name="resource">As it was last seen; its status is written only while it is still that.</param>
    /// <param name="context">As they were last seen.</param>
    /// <param name="approve">Sees the plan that is about to be carried out; where it says no, nothing at all is written. Null approves.</param>
    /// <param name="cancellationToken">Stops between two requests.</param>
    /// <exception cref="CvException">The cluster refused, or could not be asked; <c>ResourceConflict</c> where it is to be read again.</exception>
    public async Task<ReconcileResult> ReconcileAsync(ContainerVersion resource, PlanContext context,
        Func<RolloutPlan, Task<bool>>? approve, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(resource);
        ContainerVersionStatus before = resource.Status ?? new ContainerVersionStatus();
        ContainerVersion written = resource;
        List<(ContainerVersion Before, ContainerVersion After)> changes = [];
        PlanInput input;
        LatestVersion? latest;
        CvException? problem;
        try
        {
            (input, latest, problem) = await LookAsync(resource, context, cancellationToken);
        }
        catch (CvException e)
        {
            _clock.Interrupt(resource.Key);
            if (approve is null && IsForSomebody(e))
                await TellRefusalAsync(resource, before, e, cancellationToken);
            throw;
        }

        RolloutPlan plan = Planner.Plan(input);
        // Nobody has looked at the tag yet: whoever does wakes it.
        if (input is { Version: null, Problem: null } && plan.Reason != ConditionReasons.InvalidSpec)
            return new ReconcileResult(plan, resource, null, null);
        if (approve is not null && !await approve(plan))
            return new ReconcileResult(plan, resource, null, null);
        ContainerVersionStatus status = before with { Latest = latest, Quarantined = StillQuarantined(resource.Spec, before, latest) };
        plan = plan with { Resource = resource with { Status = status } };

        StepResult step;
        bool writing = false;
        try
        {
            step = await _runner.StepAsync(plan, status, async (intent, token) =>
            {
                writing = true;
                written = await WriteAsync(written, intent, changes, token);
                writing = false;
            }, cancellationToken);
            writing = true;
            ContainerVersionStatus after = step.Status with { ObservedGeneration = resource.Metadata.Generation };
            // What is to be remembered is written first: the status says that a rollout has ended only when its record is safe (R10).
            after = await _records.KeepAsync(resource, after, step.Finished, cancellationToken);
            written = await WriteAsync(written, after, changes, cancellationToken);
        }
        catch (CvException e) when (e.ErrorId != ErrorIds.ResourceConflict)
        {
            _clock.Interrupt(resource.Key);
            if (!writing && IsForSomebody(e))
                await TellRefusalAsync(written, written == resource ? status : written.Status!, e, cancellationToken);
            throw;
        }
        finally
        {
            // Events come last: no patch waits for one.
            foreach ((ContainerVersion former, ContainerVersion now) in changes)
                await _records.PublishEventsAsync(former, now, plan.Workloads, cancellationToken);
        }

        // Once: from then on the status has its reason.
        if (plan.Problem is { } reported && ReadyReason(written) == plan.Reason && ReadyReason(resource) != plan.Reason)
            LogProblem(resource.Key, reported.ErrorId, reported.Message);
        if (step.Finished is { } finished)
            LogFinished(resource.Key, finished.Version, finished.Phase, finished.Message ?? "");
        return new ReconcileResult(plan, written, step.ComeAgain, step.Finished, problem);
    }

    /// <summary>R8: a resource was deleted; what it leaves to record is recorded.</summary>
    /// <param name="resource">As it was last seen.</param>
    /// <param name="cancellationToken">Stops between two requests.</param>
    /// <exception cref="CvException">The cluster refused, or could not be asked.</exception>
    public Task EndAsync(ContainerVersion resource, CancellationToken cancellationToken) => _records.KeepDeletedAsync(resource, _clock.Now(), cancellationToken);

    /// <summary>What the tag stands for, and what a plan is made from.</summary>
    private async Task<(PlanInput Input, LatestVersion? Latest, CvException? Problem)> LookAsync(ContainerVersion resource, PlanContext context, CancellationToken cancellationToken)
    {
        PlanInput input = new() { Resource = resource, Workloads = context.Workloads, Neighbours = context.Neighbours, Unseen = context.Unseen };
        LatestVersion? latest = resource.Status?.Latest;
        if (ContainerVersionValidator.Validate(resource).Count > 0)
            return (input, latest, null);
        bool pinned = resource.Spec.PinVersion.Length > 0;
        ResolvedVersion? version = null;
        CvException? problem = null;
        try
        {
            version = await _versions.FindAsync(resource, context, cancellationToken);
            if (version is not null && (latest is null || latest.Tag != version.Tag || latest.Digest != version.Digest || latest.Version != version.Version))
                latest = new LatestVersion { Tag = version.Tag, Version = version.Version, Digest = version.Digest, SeenAt = version.SeenAt };
        }
        catch (CvException e)
        {
            problem = e;
        }

        // A pin holds whatever becomes of the tag (R7); what the tag stands for is to be shown all the same, and so is found out later.
        CvException? obstacle = problem;
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
        if (version is not null && resource.Spec.Strategy.BlueGreen is { } blueGreen && resource.Spec.Strategy.Kind == StrategySpec.ServiceBlueGreen)
            input = input with { Service = await _services.FindAsync(resource.Metadata.Namespace!, blueGreen.ServiceName, cancellationToken) };
        return (input with { Version = version, Problem = obstacle }, latest, problem);
    }

    /// <summary>R6: quarantine lasts until the tag moves; that of a pinned version has nothing to do with the tag.</summary>
    private static IReadOnlyList<QuarantinedDigest>? StillQuarantined(ContainerVersionSpec spec, ContainerVersionStatus status, LatestVersion? latest)
    {
        if (status.Quarantined is null || latest is null || latest.Digest == status.Latest?.Digest)
            return status.Quarantined;
        List<QuarantinedDigest> still = status.Quarantined.Where(q => q.Digest == latest.Digest || q.Version == spec.PinVersion || q.Digest == spec.PinVersion).ToList();
        return still.Count == 0 ? null : still;
    }

    /// <summary>Trying again will not help before somebody mends something: a right that is missing, a policy that forbids it.</summary>
    private static bool IsForSomebody(CvException error) => error.Kind is CvErrorKind.Forbidden or CvErrorKind.Invalid;

    private static string? ReadyReason(ContainerVersion resource) => ConditionList.Find(resource.Status?.Conditions, ConditionTypes.Ready)?.Reason;

    /// <summary>Says in the status what the cluster refuses. The rollout in progress stays: nothing fails for what is not its fault (R6).</summary>
    private async Task TellRefusalAsync(ContainerVersion resource, ContainerVersionStatus status, CvException error, CancellationToken cancellationToken)
    {
        string reason = error.ErrorId == ErrorIds.ClusterForbidden ? ConditionReasons.ClusterForbidden : ConditionReasons.ClusterRefused;
        List<(ContainerVersion Before, ContainerVersion After)> changes = [];
        await WriteAsync(resource, status with
        {
            ObservedGeneration = resource.Metadata.Generation,
            Conditions = ConditionList.Stalled(status.Conditions, reason, $"{error.Message} {error.Remedy}", resource.Metadata.Generation, _clock.Now()),
        }, changes, cancellationToken);
        foreach ((ContainerVersion former, ContainerVersion now) in changes)
            await _records.PublishEventsAsync(former, now, [], cancellationToken);
    }

    /// <summary>No write where nothing changed (R12).</summary>
    private async Task<ContainerVersion> WriteAsync(ContainerVersion resource, ContainerVersionStatus status,
        List<(ContainerVersion Before, ContainerVersion After)> changes, CancellationToken cancellationToken)
    {
        ContainerVersion next = resource with { Status = status };
        if (ContainerVersionManifest.StatusEquals(resource, next))
            return resource;
        ContainerVersion written = await _resources.UpdateStatusAsync(next, cancellationToken);
        changes.Add((resource, written));
        return written;
    }

    [LoggerMessage(EventId = LogEvents.RolloutEnded, EventName = nameof(LogEvents.RolloutEnded), Level = LogLevel.Information,
        Message = "{Resource}: rollout of version {Version} finished: {Phase}. {Message}")]
    private partial void LogFinished(string resource, string version, string phase, string message);

    [LoggerMessage(EventId = LogEvents.VersionProblem, EventName = nameof(LogEvents.VersionProblem), Level = LogLevel.Warning,
        Message = "{Resource} ({ErrorId}): {Message}")]
    private partial void LogProblem(string resource, string errorId, string message);
}
