using CvManager.Cluster;
using Resource = CvManager.Resources.ContainerVersion;

namespace CvManager.PowerShell.Completion;

/// <summary>Offers the repositories of ContainerVersions, and those in the registries of the session's sandboxes.</summary>
public sealed class RepositoryCompleter : Completer
{
    internal override async Task<IReadOnlyList<CompletionCandidate>> FindAsync(
        CompletionRequest request,
        CancellationToken cancellationToken
    )
    {
        var sandboxes = request
            .Session.All<ISessionSandbox>()
            .SelectMany(sandbox => sandbox.Repositories)
            .Select(name => new CompletionCandidate(name));
        var used = (await ListAsync(request, cancellationToken))
            .GroupBy(resource => resource.Spec.ImageRepo, resource => resource.Key, StringComparer.Ordinal)
            .Select(resources => new CompletionCandidate(resources.Key, $"followed by {string.Join(", ", resources)}"));
        return [.. used.Concat(sandboxes).DistinctBy(candidate => candidate.Value)];
    }

    /// <summary>Cmdlets for registries need no cluster: it may be missing.</summary>
    private static async Task<IReadOnlyList<Resource>> ListAsync(CompletionRequest request, CancellationToken cancellationToken)
    {
        try
        {
            return await request.WithClusterAsync(cluster => ListAsync(new(cluster), cluster.DefaultNamespace, cancellationToken));
        }
        catch (CvException)
        {
            return [];
        }
    }

    private static async Task<IReadOnlyList<Resource>> ListAsync(
        ContainerVersionStore store,
        string ns,
        CancellationToken cancellationToken
    )
    {
        try
        {
            return await store.ListAsync(null, null, cancellationToken);
        }
        catch (CvException e) when (e.Kind == CvErrorKind.Forbidden)
        {
            return await store.ListAsync(ns, null, cancellationToken);
        }
    }
}
