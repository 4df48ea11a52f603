using CvManager.Registries;
using CvManager.Resources;
using CvManager.Versions;

namespace CvManager.Controller;

/// <summary>
/// What the <see cref="TagPoller"/> saw, and the versions that it stands for: a look at a resource costs the registry nothing, but where a
/// digest is new. Thread-safe.
/// </summary>
/// <param name="wakeAfter">Looks at a resource again after a time.</param>
internal sealed class FollowedVersions(TagPoller poller, RegistryLogins logins, Action<string, TimeSpan> wakeAfter, TimeProvider time) : IResourceVersions
{
    public async Task<ResolvedVersion?> FindAsync(ContainerVersion resource, Surroundings surroundings, CancellationToken cancellationToken)
    {
        ContainerVersionSpec spec = resource.Spec;
        (ImageRepository repository, RegistryLogin login) = await LoginOfAsync(resource, surroundings, cancellationToken);
        FollowedTag followed = new(new TagRepository(repository.Registry, repository.Path, login.Name), spec.Follows);
        poller.Follow(resource.Key, followed, TimeSpan.FromSeconds(spec.PollIntervalSeconds));
        if (poller.Find(followed) is not { } state)
            return null;
        if (state.Error is { } error && !IsFreshEnough(resource, state, error))
            throw error;
        return await login.Versions.ResolveAsync(repository, spec.Follows, state.Found!, state.SeenAt!.Value, spec.VersionSyntax, surroundings.FollowedTags, cancellationToken);
    }

    public async Task<ResolvedVersion> FindPinnedAsync(ContainerVersion resource, Surroundings surroundings, CancellationToken cancellationToken)
    {
        (ImageRepository repository, RegistryLogin login) = await LoginOfAsync(resource, surroundings, cancellationToken);
        return await login.Versions.ResolvePinAsync(repository, resource.Spec.Follows, resource.Spec.PinVersion, cancellationToken);
    }

    /// <summary>That the resource is gone.</summary>
    public void Forget(string key) => poller.Unfollow(key);

    private async ValueTask<(ImageRepository Repository, RegistryLogin Login)> LoginOfAsync(ContainerVersion resource, Surroundings surroundings, CancellationToken cancellationToken)
    {
        ImageRepository repository = ImageRepository.Parse(resource.Spec.ImageRepo);
        RegistryLogin login = await logins.OfAsync(resource, surroundings.Workloads.Where(w => w.IsSelectedBy(resource.Spec.Selector)), cancellationToken);
        // What was found out before a restart: version tags do not move.
        if (resource.Status is { Latest: { } latest } status && latest.Tag == resource.Spec.Follows && status.ObservedGeneration == resource.Metadata.Generation)
            login.Versions.Remember(repository, latest.Version, latest.Digest);
        return (repository, login);
    }

    /// <summary>R11: a registry that is down makes nothing fail but freshness, and that only after livenessSeconds.</summary>
    private bool IsFreshEnough(ContainerVersion resource, TagState state, CvException error)
    {
        if (!error.IsTransient || state.Found is null)
            return false;
        TimeSpan left = TimeSpan.FromSeconds(resource.Spec.LivenessSeconds) - time.GetElapsedTime(state.SeenAtTimestamp);
        if (left <= TimeSpan.Zero)
            return false;
        wakeAfter(resource.Key, left);
        return true;
    }
}
