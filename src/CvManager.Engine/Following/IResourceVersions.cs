using CvManager.Resources;
using CvManager.Versions;
using CvManager.Watching;

namespace CvManager.Following;

/// <summary>Finds the versions of resources, each with the resource's own login. Thread-safe.</summary>
public interface IResourceVersions
{
    /// <summary>Finds the version of the tag that a resource follows.</summary>
    /// <returns>Null if the tag has not been read yet or its version is being looked up; the resource is woken when that is done.</returns>
    /// <exception cref="CvException">Those of <see cref="IVersionResolver"/>.</exception>
    Task<ResolvedVersion?> FindAsync(ContainerVersion resource, PlanContext context, CancellationToken cancellationToken);

    /// <summary>Finds the version that the resource is pinned to (R7).</summary>
    /// <returns>Null while it is being looked up; the resource is woken when that is done.</returns>
    /// <inheritdoc cref="FindAsync" path="/exception"/>
    Task<ResolvedVersion?> FindPinnedAsync(ContainerVersion resource, PlanContext context, CancellationToken cancellationToken);
}
