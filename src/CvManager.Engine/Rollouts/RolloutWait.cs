using CvManager.Cluster;
using CvManager.Resources;
using CvManager.Versions;

namespace CvManager.Rollouts;

/// <summary>Waits for a rollout by reading the resource's status; the controller does the work. Thread-safe.</summary>
public sealed class RolloutWait(ClusterConnection cluster, TimeProvider time)
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    /// <summary>What the default time limit allows for the steps of the controller.</summary>
    private static readonly TimeSpan Margin = TimeSpan.FromMinutes(1);

    /// <summary>No default time limit is longer: a timer of .NET takes at most 49.7 days, which many gates of a day each exceed.</summary>
    private static readonly TimeSpan MaxDefaultLimit = TimeSpan.FromDays(49);

    private readonly ContainerVersionStore _resources = new(cluster);

    /// <summary>
    /// The default time limit: how long a rollout can take from the move of the tag until it has failed and is rolled back, if nothing
    /// blocks its workloads. It is the poll interval, the timeouts of all gates, timeoutSeconds (twice with rollback), the delay of scaling
    /// down, and one minute.
    /// </summary>
    public static TimeSpan DefaultLimit(ContainerVersionSpec spec)
    {
        ArgumentNullException.ThrowIfNull(spec);
        var gates = spec.Container.Verify.Concat(spec.Strategy.Verify).Concat(spec.Strategy.PostVerify);
        var limit =
            Margin
            + TimeSpan.FromSeconds(
                spec.PollIntervalSeconds
                    + gates.Sum(gate => (long)gate.TimeoutSeconds)
                    + ((long)spec.TimeoutSeconds * (spec.Rollback.Enabled ? 2 : 1))
                    + (spec.Strategy.BlueGreen?.ScaleDownDelaySeconds ?? 0)
            );
        return limit < MaxDefaultLimit ? limit : MaxDefaultLimit;
    }

    /// <summary>Reads the resource every second until it is done.</summary>
    /// <param name="resource">The resource, as last read.</param>
    /// <param name="version">The version to wait for; null to wait until the resource is ready.</param>
    /// <param name="seen">Called with the state after each read.</param>
    /// <param name="limit">The time limit, which may be infinite; null for <see cref="DefaultLimit"/>.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>The resource, on the version.</returns>
    /// <exception cref="CvException">
    /// <c>RolloutFailed</c>, <c>RolloutHeld</c>, <c>RolloutNotPossible</c>, <c>RolloutWaitTimedOut</c>, or the reason of a Stalled
    /// condition; or the cluster could not be read. Transient errors of the API server are retried.
    /// </exception>
    public async Task<ContainerVersion> UntilDoneAsync(
        ContainerVersion resource,
        string? version,
        Action<RolloutState> seen,
        TimeSpan? limit,
        CancellationToken cancellationToken
    )
    {
        ArgumentNullException.ThrowIfNull(resource);
        ArgumentNullException.ThrowIfNull(seen);
        var allowed = limit ?? DefaultLimit(resource.Spec);
        using CancellationTokenSource timer = new(allowed, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timer.Token, cancellationToken);
        RolloutStateReader reader = new(cluster, time);
        RolloutState state = new() { Resource = resource, Version = version };
        try
        {
            while (true)
            {
                try
                {
                    var now = await _resources.GetAsync(resource.Metadata.Namespace!, resource.Metadata.Name, either.Token);
                    state = state with { Resource = now, Problem = null };
                    var done = IsDone(now, version);
                    state = state with { Workloads = await reader.ReadAsync(now, either.Token) };
                    seen(state);
                    if (done)
                        return now;
                }
                catch (CvException e) when (e.IsTransient)
                {
                    // Retried until the time limit.
                    seen(state = state with { Problem = e });
                }

                await Task.Delay(Interval, time, either.Token);
            }
        }
        catch (OperationCanceledException) when (timer.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            throw RolloutState.TimedOut([state], allowed, isDefault: limit is null, time.GetUtcNow());
        }
    }

    /// <summary>Whether the wait is over. Pure.</summary>
    /// <exception cref="CvException">As for <see cref="UntilDoneAsync"/>: the version will not be reached.</exception>
    internal static bool IsDone(ContainerVersion resource, string? version)
    {
        var status = resource.Status;
        var isOnVersion = version is not null && status is { CurrStatus: CurrentStatus.Success } && status.CurrVersion == version;
        var inProgress = status?.Rollout is { } rollout && !RolloutPhase.IsFinal(rollout.Phase);
        if (resource.Metadata.DeletionTimestamp is not null)
            throw Error(
                resource,
                ErrorIds.ContainerVersionNotFound,
                CvErrorKind.NotFound,
                $"{resource.Key} is being deleted.",
                "Create it again, or do not wait for it."
            );
        // A controller would not change that, whether or not it has seen the specification.
        if (resource.Spec.Suspend)
        {
            if (isOnVersion && !inProgress)
                return true;
            throw Error(
                resource,
                ErrorIds.RolloutHeld,
                CvErrorKind.Conflict,
                $"{resource.Key} is suspended{Hold.Of(resource)}. Nothing is rolled out until it is resumed.",
                Resume(resource)
            );
        }

        var pin = resource.Spec.PinVersion;
        if (version is not null && pin.Length > 0 && pin != version)
        {
            throw Error(
                resource,
                ErrorIds.RolloutHeld,
                CvErrorKind.Conflict,
                $"{resource.Key} is pinned to version {pin}{Hold.Of(resource)}. Version {version} is not rolled out until it is resumed.",
                Resume(resource)
            );
        }

        // The controller has not seen the current specification yet.
        if (status is null || status.ObservedGeneration < resource.Metadata.Generation)
        {
            ThrowIfNotPossible(resource, version, isOnVersion, inProgress);
            return false;
        }

        if (inProgress)
            return false;
        var ready = ConditionList.Find(status.Conditions, ConditionTypes.Ready);
        if (version is null ? ready?.Status == "True" : isOnVersion)
            return true;
        if (ConditionList.Find(status.Conditions, ConditionTypes.Stalled) is { Status: "True" } stalled)
            ThrowIfStalled(resource, status, stalled, version);
        ThrowIfNotPossible(resource, version, isOnVersion, inProgress);
        return false;
    }

    /// <summary>What the specification rules out, and a controller would only confirm.</summary>
    private static void ThrowIfNotPossible(ContainerVersion resource, string? version, bool isOnVersion, bool inProgress)
    {
        var status = resource.Status;
        var isObserved = status?.ObservedGeneration >= resource.Metadata.Generation;
        // Afterwards the controller decides, which may be newer than this process.
        if (!isObserved && resource.ValidationErrors is { Count: > 0 } errors)
        {
            throw Error(
                resource,
                ConditionReasons.InvalidSpec,
                CvErrorKind.Invalid,
                $"{resource.Key} has an invalid specification: {string.Join("; ", errors.Select(e => $"{e} ({e.Remedy})"))}",
                "Correct the specification, for example with Set-ContainerVersion."
            );
        }

        if (version is null || isOnVersion || inProgress)
            return;
        if (
            !isObserved
            && resource.Spec.PinVersion.Length == 0
            && status?.Latest?.Tag == resource.Followed.ToString()
            && status.Quarantined?.FirstOrDefault(q => q.Version == version) is { } quarantined
        )
            throw Failed(resource, $"Version {version} is quarantined, because it failed: {quarantined.Reason}");
        if (resource.Spec.PinVersion.Length > 0 || resource.Followed is not FollowedTag tag || IsDigest(version))
            return;
        var syntax = VersionSyntax.Of(resource.Spec.VersionSyntax);
        if (!syntax.IsVersion(version))
        {
            throw Error(
                resource,
                ErrorIds.RolloutNotPossible,
                CvErrorKind.Invalid,
                $"{resource.Key} can never be on version '{version}': "
                    + (
                        syntax.IsDefault
                            ? "it is neither a git SHA, nor a full version number, nor a digest."
                            : $"it does not match spec.versionSyntax '{syntax.Pattern}'."
                    ),
                version == tag.Name
                    ? "Omit -Version, or specify the version tag that the pipeline has pushed instead of the tag that it moves."
                    : "Specify the version tag that the pipeline has pushed, or correct spec.versionSyntax."
            );
        }
    }

    private static void ThrowIfStalled(ContainerVersion resource, ContainerVersionStatus status, Condition stalled, string? version)
    {
        var failed = stalled.Reason is ConditionReasons.RolloutFailed or ConditionReasons.Quarantined;
        // The failure of another version, or a tag that is still to be pushed, does not concern this version.
        var concerns =
            version is null
            || (
                failed
                    ? status.Quarantined?.Any(q => q.Version == version) == true
                    : stalled.Reason
                        is not (ConditionReasons.TagNotFound or ConditionReasons.VersionNotFound or ConditionReasons.RepositoryNotFound)
            );
        if (!concerns)
            return;
        if (!failed)
            throw Error(
                resource,
                stalled.Reason,
                CvErrorKind.Invalid,
                $"{resource.Key}: {stalled.Message}",
                "Fix the problem described in the message. Test-ContainerVersion shows details."
            );
        // The condition is shortened; the rollout has the whole message, with the end of a log.
        throw Failed(
            resource,
            status.Rollout is { Phase: RolloutPhase.Failed or RolloutPhase.RolledBack, Message: { Length: > 0 } whole } rollout
            && (version is null || rollout.Version == version)
                ? $"Version {rollout.Version} failed{(rollout.Phase == RolloutPhase.RolledBack ? " and was rolled back" : "")}: {whole}"
                : stalled.Message
        );
    }

    private static CvException Failed(ContainerVersion resource, string message)
    {
        // The lines of a log stay lines.
        var lines = message.Split('\n');
        return new CvException(
            ConditionReasons.RolloutFailed,
            CvErrorKind.Failed,
            $"{resource.Key}: {lines[0]}",
            "Fix the image, push it as a new version, and move the tag to that version. Get-CvRolloutHistory shows what happened. "
                + $"To try this version again, run Resume-ContainerVersion {resource.Metadata.Name} -Namespace {resource.Metadata.Namespace}."
        )
        {
            Target = resource.Key,
            Details = [.. lines.Skip(1)],
        };
    }

    private static CvException Error(ContainerVersion resource, string id, CvErrorKind kind, string message, string remedy) =>
        new(id, kind, message, remedy) { Target = resource.Key };

    private static string Resume(ContainerVersion resource) =>
        $"Run Resume-ContainerVersion {resource.Metadata.Name} -Namespace {resource.Metadata.Namespace}.";

    private static bool IsDigest(string version) => version.StartsWith("sha256:", StringComparison.Ordinal);
}
