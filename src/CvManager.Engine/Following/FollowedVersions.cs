using CvManager.Registries;
using CvManager.Resources;
using CvManager.Versions;
using CvManager.Watching;

namespace CvManager.Following;

/// <summary>
/// The versions of the tags that the <see cref="TagPoller"/> reads: reconciling a resource costs no registry request and never waits for
/// one. Thread-safe.
/// </summary>
internal sealed class FollowedVersions : IResourceVersions
{
    private readonly TagPoller _poller;
    private readonly RegistryLogins _logins;
    private readonly Action<string, TimeSpan> _wakeAfter;
    private readonly TimeProvider _time;
    private readonly VersionLookups _tags;
    private readonly VersionLookups _pins;

    /// <param name="wake">Reconciles a resource again.</param>
    /// <param name="wakeAfter">Reconciles a resource again after a time.</param>
    public FollowedVersions(
        TagPoller poller,
        RegistryLogins logins,
        Action<string> wake,
        Action<string, TimeSpan> wakeAfter,
        EngineEnvironment environment
    )
    {
        _poller = poller;
        _logins = logins;
        _wakeAfter = wakeAfter;
        _time = environment.Time;
        _tags = new VersionLookups(wake, wakeAfter, environment);
        _pins = new VersionLookups(wake, wakeAfter, environment);
    }

    public async Task<ResolvedVersion?> FindAsync(ContainerVersion resource, PlanContext context, CancellationToken cancellationToken)
    {
        var spec = resource.Spec;
        var repository = resource.Repository;
        var login = await LoginOfAsync(resource, context, refresh: false, cancellationToken);
        var state = Follow(resource, login);
        if (IsRefused(state?.Error))
        {
            login = await LoginOfAsync(resource, context, refresh: true, cancellationToken);
            state = Follow(resource, login);
        }

        if (state is null)
            return null;
        if (state.Error is { } error && !IsFreshEnough(resource, state, error))
            throw error;
        var found = state.Found!;
        var seenAt = state.SeenAt!.Value;
        if (found.ChosenTag is { } chosen)
            return new ResolvedVersion(resource.Followed, found.Digest, chosen, seenAt);
        var hint = HintOf(resource, found.Digest);
        var version = _tags.Find(
            resource.Key,
            new Question(login.Name, repository, resource.Followed, found.Digest, spec.VersionSyntax),
            Patience(resource),
            answer => !context.FollowedTags.Contains(answer.Version),
            token =>
                login.Versions.ResolveAsync(
                    repository,
                    resource.Followed,
                    found,
                    seenAt,
                    spec.VersionSyntax,
                    context.FollowedTags,
                    hint,
                    token
                )
        );
        return version is null ? null : version with { SeenAt = seenAt };
    }

    public async Task<ResolvedVersion?> FindPinnedAsync(ContainerVersion resource, PlanContext context, CancellationToken cancellationToken)
    {
        var spec = resource.Spec;
        var repository = resource.Repository;
        var login = await LoginOfAsync(resource, context, refresh: false, cancellationToken);
        return _pins.Find(
            resource.Key,
            new Question(login.Name, repository, resource.Followed, spec.PinVersion, null),
            Patience(resource),
            _ => true,
            token => login.Versions.ResolvePinAsync(repository, resource.Followed, spec.PinVersion, token)
        );
    }

    /// <summary>Forgets a deleted resource.</summary>
    public void Forget(string key)
    {
        _poller.Unfollow(key);
        _tags.Forget(key);
        _pins.Forget(key);
        _logins.Release(key);
    }

    /// <summary>Ends the searches in progress.</summary>
    public Task StopAsync() => Task.WhenAll(_tags.StopAsync(), _pins.StopAsync());

    private TagState? Follow(ContainerVersion resource, RegistryLogin login)
    {
        PollTarget target = new(resource.Repository, login.Name, resource.Followed);
        _poller.Follow(resource.Key, target, TimeSpan.FromSeconds(resource.Spec.PollIntervalSeconds));
        return _poller.Find(target);
    }

    private ValueTask<RegistryLogin> LoginOfAsync(
        ContainerVersion resource,
        PlanContext context,
        bool refresh,
        CancellationToken cancellationToken
    ) => _logins.OfAsync(resource, context.Workloads.Where(w => w.IsSelectedBy(resource.Spec.Selector)), refresh, cancellationToken);

    /// <summary>
    /// The version in the status, from before a restart. Everyone who may write the status may have written it: it is only a hint for this
    /// resource, and the registry has to confirm it.
    /// </summary>
    private static string? HintOf(ContainerVersion resource, string digest) =>
        resource.Status is { Latest: { } latest } status
        && latest.Tag == resource.Followed.ToString()
        && latest.Digest == digest
        && status.ObservedGeneration == resource.Metadata.Generation
            ? latest.Version
            : null;

    /// <summary>How long the status may stay unchanged while the version is unknown.</summary>
    private static TimeSpan Patience(ContainerVersion resource) => TimeSpan.FromSeconds(resource.Spec.LivenessSeconds);

    private static bool IsRefused(CvException? error) => error?.Kind is CvErrorKind.Unauthenticated or CvErrorKind.Forbidden;

    /// <summary>R11: an unavailable registry affects only freshness, and only after livenessSeconds.</summary>
    private bool IsFreshEnough(ContainerVersion resource, TagState state, CvException error)
    {
        if (!error.IsTransient || state.Found is null)
            return false;
        var left = TimeSpan.FromSeconds(resource.Spec.LivenessSeconds) - _time.GetElapsedTime(state.SeenAtTimestamp);
        if (left <= TimeSpan.Zero)
            return false;
        _wakeAfter(resource.Key, left);
        return true;
    }

    /// <param name="Wanted">A digest, or a pinned version.</param>
    private sealed record Question(string Login, ImageRepository Repository, Followed Followed, string Wanted, string? Syntax);
}
