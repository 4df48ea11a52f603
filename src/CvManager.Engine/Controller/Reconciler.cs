using CvManager.Cluster;
using CvManager.Registries;
using CvManager.Resources;
using CvManager.Rollouts;
using CvManager.Versions;
using CvManager.Workloads;
using Microsoft.Extensions.Logging;

namespace CvManager.Controller;

/// <summary>What a look at one resource led to.</summary>
/// <param name="Plan">What was to be done.</param>
/// <param name="Resource">The resource as it is now.</param>
/// <param name="ComeAgain">When there is something to do or to see again; null where the next poll is soon enough.</param>
/// <param name="Finished">The rollout that ended with this step.</param>
public sealed record ReconcileResult(RolloutPlan Plan, ContainerVersion Resource, TimeSpan? ComeAgain, RolloutStatus? Finished)
{
    /// <summary>True while a rollout is in progress.</summary>
    public bool IsInProgress => Resource.Status?.Rollout is { } rollout && !RolloutPhase.IsFinal(rollout.Phase);
}

/// <summary>
/// Brings resources to what they ask for: reads the world afresh, finds what the tag stands for, plans, runs what can be run now,
/// and writes the status where it changed. Keeps nothing between two calls.
/// </summary>
/// <remarks>Thread-safe; one resource is to be reconciled by one caller at a time.</remarks>
public sealed partial class Reconciler
{
    private readonly ContainerVersionStore _resources;
    private readonly WorkloadStore _workloads;
    private readonly IVersionResolver _versions;
    private readonly IRegistryCatalog _registries;
    private readonly RolloutRunner _runner;
    private readonly TimeProvider _time;
    private readonly ILogger _log;

    public Reconciler(ClusterConnection cluster, IVersionResolver versions, IRegistryCatalog registries, TimeProvider time, ILogger log)
    {
        _resources = new ContainerVersionStore(cluster);
        _workloads = new WorkloadStore(cluster);
        _versions = versions;
        _registries = registries;
        _runner = new RolloutRunner(_workloads, time);
        _time = time;
        _log = log;
    }

    /// <summary>What a namespace holds, read once for all its resources.</summary>
    /// <param name="space">Null for all namespaces.</param>
    /// <exception cref="CvException">The cluster could not be asked.</exception>
    public async Task<NamespaceSnapshot> ReadAsync(string? space, CancellationToken cancellationToken)
    {
        Task<IReadOnlyList<ContainerVersion>> resources = _resources.ListAsync(space, null, cancellationToken);
        Task<IReadOnlyList<Workload>> workloads = _workloads.ListAsync(space, cancellationToken);
        await Task.WhenAll(resources, workloads);
        return new NamespaceSnapshot(await resources, await workloads);
    }

    /// <summary>R2: what would change now. Changes nothing.</summary>
    public async Task<RolloutPlan> PlanAsync(ContainerVersion resource, NamespaceSnapshot snapshot, CancellationToken cancellationToken) =>
        Planner.Plan((await LookAsync(resource, snapshot, cancellationToken)).Input);

    /// <summary>Runs one step, and writes the status where it changed.</summary>
    /// <param name="resource">As it is in the snapshot.</param>
    /// <param name="snapshot">What <see cref="ReadAsync"/> just read.</param>
    /// <param name="approve">Sees the plan that is about to be carried out; where it says no, nothing at all is written. Null approves.</param>
    /// <param name="cancellationToken">Stops between two requests.</param>
    /// <exception cref="CvException">The cluster refused, or could not be asked; <c>ResourceConflict</c> where it is to be read again.</exception>
    public async Task<ReconcileResult> ReconcileAsync(ContainerVersion resource, NamespaceSnapshot snapshot,
        Func<RolloutPlan, Task<bool>>? approve, CancellationToken cancellationToken)
    {
        (PlanInput input, LatestVersion? latest) = await LookAsync(resource, snapshot, cancellationToken);
        RolloutPlan plan = Planner.Plan(input);
        if (approve is not null && !await approve(plan))
            return new ReconcileResult(plan, resource, null, null);
        ContainerVersionStatus before = resource.Status ?? new ContainerVersionStatus();
        ContainerVersionStatus status = before with { Latest = latest, Quarantined = StillQuarantined(before, latest) };
        plan = plan with { Resource = resource with { Status = status } };

        ContainerVersion written = resource;
        StepResult step = await _runner.StepAsync(plan, status, async (intent, token) => written = await WriteAsync(written, intent, token), cancellationToken);
        ContainerVersionStatus after = step.Status with { ObservedGeneration = resource.Metadata.Generation };
        written = await WriteAsync(written, after, cancellationToken);
        if (step.Finished is { } finished)
            LogFinished(resource.Key, finished.Version, finished.Phase, finished.Message ?? "");
        return new ReconcileResult(plan, written, step.ComeAgain, step.Finished);
    }

    /// <summary>What the tag stands for, and what a plan is made from.</summary>
    private async Task<(PlanInput Input, LatestVersion? Latest)> LookAsync(ContainerVersion resource, NamespaceSnapshot snapshot, CancellationToken cancellationToken)
    {
        PlanInput input = new() { Resource = resource, Workloads = snapshot.Workloads, Neighbours = snapshot.Resources };
        LatestVersion? latest = resource.Status?.Latest;
        if (ContainerVersionValidator.Validate(resource).Count > 0)
            return (input, latest);
        try
        {
            ContainerVersionSpec spec = resource.Spec;
            ImageRepository repository = ImageRepository.Parse(spec.ImageRepo);
            string[] followed = snapshot.Resources.Where(r => r.Spec.ImageRepo == spec.ImageRepo).Select(r => r.Spec.Tag).Append(spec.Tag).Distinct().ToArray();
            ResolvedVersion version = await _versions.ResolveAsync(repository, spec.Tag, spec.VersionSyntax, followed, cancellationToken);
            if (latest is null || latest.Tag != version.Tag || latest.Digest != version.Digest || latest.Version != version.Version)
                latest = new LatestVersion { Tag = version.Tag, Version = version.Version, Digest = version.Digest, SeenAt = version.SeenAt };
            if (spec.PinVersion.Length > 0)
                version = await PinnedAsync(repository, spec, cancellationToken);
            return (input with { Version = version }, latest);
        }
        catch (CvException e)
        {
            LogProblem(resource.Key, e.Message);
            return (input with { Problem = e }, latest);
        }
    }

    /// <summary>R7: the version that a person decided for.</summary>
    private async Task<ResolvedVersion> PinnedAsync(ImageRepository repository, ContainerVersionSpec spec, CancellationToken cancellationToken)
    {
        if (spec.PinVersion.StartsWith("sha256:", StringComparison.Ordinal))
            return new ResolvedVersion(spec.Tag, spec.PinVersion, spec.PinVersion, _time.GetUtcNow());
        TagDigest pinned = await _registries.For(repository).FindTagAsync(repository, spec.PinVersion, cancellationToken)
            ?? throw new CvException("RegistryVersionNotFound", CvErrorKind.NotFound, $"{repository} has no version {spec.PinVersion}, which spec.pinVersion names.",
                "Pin a version that exists, or resume following the tag.");
        return new ResolvedVersion(spec.Tag, pinned.Digest, spec.PinVersion, _time.GetUtcNow());
    }

    /// <summary>R6: quarantine lasts until the tag moves.</summary>
    private static IReadOnlyList<QuarantinedDigest>? StillQuarantined(ContainerVersionStatus status, LatestVersion? latest)
    {
        if (status.Quarantined is null || latest is null || latest.Digest == status.Latest?.Digest)
            return status.Quarantined;
        List<QuarantinedDigest> still = status.Quarantined.Where(q => q.Digest == latest.Digest).ToList();
        return still.Count == 0 ? null : still;
    }

    /// <summary>No write where nothing changed (R12).</summary>
    private async Task<ContainerVersion> WriteAsync(ContainerVersion resource, ContainerVersionStatus status, CancellationToken cancellationToken)
    {
        ContainerVersion next = resource with { Status = status };
        return ContainerVersionManifest.StatusEquals(resource, next) ? resource : await _resources.UpdateStatusAsync(next, cancellationToken);
    }

    [LoggerMessage(1, LogLevel.Information, "{Resource}: the rollout of version {Version} ended: {Phase}. {Message}")]
    private partial void LogFinished(string resource, string version, string phase, string message);

    [LoggerMessage(2, LogLevel.Warning, "{Resource}: {Message}")]
    private partial void LogProblem(string resource, string message);
}

/// <summary>The ContainerVersions and workloads of one namespace, or of all, at one time.</summary>
public sealed record NamespaceSnapshot(IReadOnlyList<ContainerVersion> Resources, IReadOnlyList<Workload> Workloads);
