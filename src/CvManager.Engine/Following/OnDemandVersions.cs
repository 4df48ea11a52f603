using System.Collections.Concurrent;
using CvManager.Cluster;
using CvManager.Registries;
using CvManager.Resources;
using CvManager.Versions;
using CvManager.Watching;

namespace CvManager.Following;

/// <summary>
/// Reads the registry when a resource is reconciled, for a pass that a person or a pipeline started: once for each tag, however many
/// resources follow it (R11), and again after some seconds if the pass waits. Thread-safe.
/// </summary>
public sealed class OnDemandVersions : IResourceVersions, IDisposable
{
    /// <summary>The shortest allowed poll interval.</summary>
    private static readonly TimeSpan Lifetime = TimeSpan.FromSeconds(5);

    private readonly RegistryLogins _logins;
    private readonly TimeProvider _time;
    private readonly ConcurrentDictionary<PollTarget, (Lazy<Task<TagDigest>> Answer, long StartedAt)> _answers = new();

    /// <param name="cluster">The cluster whose imagePullSecrets are used; null for none.</param>
    /// <param name="registries">The registries with the process's own credentials; the caller disposes it.</param>
    public OnDemandVersions(ClusterConnection? cluster, RegistryCatalog registries, EngineEnvironment environment)
    {
        _logins = new RegistryLogins(cluster, registries, environment);
        _time = environment.Time;
    }

    public async Task<ResolvedVersion?> FindAsync(ContainerVersion resource, PlanContext context, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(resource);
        ArgumentNullException.ThrowIfNull(context);
        var repository = resource.Repository;
        var login = await LoginOfAsync(resource, context, cancellationToken);
        var followed = resource.Followed;
        PollTarget target = new(repository, login.Name, followed);
        var found = await Current(target, () => login.Versions.FindTagAsync(repository, followed, cancellationToken))
            .WaitAsync(cancellationToken);
        return await login.Versions.ResolveAsync(
            repository,
            followed,
            found,
            _time.GetUtcNow(),
            resource.Spec.VersionSyntax,
            context.FollowedTags,
            null,
            cancellationToken
        );
    }

    public async Task<ResolvedVersion?> FindPinnedAsync(ContainerVersion resource, PlanContext context, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(resource);
        ArgumentNullException.ThrowIfNull(context);
        var repository = resource.Repository;
        var login = await LoginOfAsync(resource, context, cancellationToken);
        return await login.Versions.ResolvePinAsync(repository, resource.Followed, resource.Spec.PinVersion, cancellationToken);
    }

    public void Dispose() => _logins.Dispose();

    private ValueTask<RegistryLogin> LoginOfAsync(ContainerVersion resource, PlanContext context, CancellationToken cancellationToken) =>
        _logins.OfAsync(resource, context.Workloads.Where(w => w.IsSelectedBy(resource.Spec.Selector)), refresh: false, cancellationToken);

    private Task<TagDigest> Current(PollTarget target, Func<Task<TagDigest>> ask)
    {
        var now = _time.GetTimestamp();
        (var answer, _) = _answers.AddOrUpdate(
            target,
            _ => (new Lazy<Task<TagDigest>>(ask), now),
            (_, known) => _time.GetElapsedTime(known.StartedAt, now) < Lifetime ? known : (new Lazy<Task<TagDigest>>(ask), now)
        );
        return answer.Value;
    }
}
