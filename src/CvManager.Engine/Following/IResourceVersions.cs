using CvManager.Resources;
using CvManager.Versions;
using CvManager.Watching;

namespace CvManager.Following;

/// <summary>What the tags of resources stand for, as each resource's own login sees it. Thread-safe.</summary>
public interface IResourceVersions
{
    /// <summary>What the tag that a resource follows stands for.</summary>
    /// <returns>Null where nobody has looked at the tag yet, or its version is looked up; the resource is woken when that has ended.</returns>
    /// <exception cref="CvException">Those of <see cref="IVersionResolver"/>.</exception>
    Task<ResolvedVersion?> FindAsync(ContainerVersion resource, PlanContext context, CancellationToken cancellationToken);

    /// <summary>The version that the resource is pinned to (R7).</summary>
    /// <returns>Null while it is looked up; the resource is woken when that has ended.</returns>
    /// <inheritdoc cref="FindAsync" path="/exception"/>
    Task<ResolvedVersion?> FindPinnedAsync(ContainerVersion resource, PlanContext context, CancellationToken cancellationToken);
}
