using CvManager.Cluster;
using Resource = CvManager.Resources.ContainerVersion;

namespace CvManager.PowerShell.Completion;

/// <summary>Offers versions of the ContainerVersions on the command line: those in their status, and those in the registry.</summary>
public sealed class RolloutVersionCompleter : ClusterCompleter
{
    /// <summary>Half of the time of a completion: if the registry is slow, the versions in the status are offered.</summary>
    private static readonly TimeSpan RegistryLimit = TimeSpan.FromSeconds(1);

    private protected override async Task<IReadOnlyList<CompletionCandidate>> FindAsync(
        ClusterConnection cluster,
        CompletionRequest request,
        CancellationToken cancellationToken
    )
    {
        var resources = await request.FindAsync(cluster, cancellationToken);
        List<CompletionCandidate> versions = [];
        foreach (var resource in resources)
        {
            foreach (
                var version in new[] { resource.Status?.Latest?.Version, resource.Status?.CurrVersion, resource.Status?.SuccessVersion }
            )
                versions.Add(new CompletionCandidate(version ?? "", $"{resource.Followed} of {resource.Key}"));
        }
        if (resources is [var only])
            versions.AddRange(await InRegistryAsync(request, only, cancellationToken));
        return [.. versions.DistinctBy(version => version.Value)];
    }

    private static async Task<IReadOnlyList<CompletionCandidate>> InRegistryAsync(
        CompletionRequest request,
        Resource resource,
        CancellationToken cancellationToken
    )
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(RegistryLimit);
        try
        {
            return await new RegistryVersionCompleter().ListAsync(request, resource.Repository, resource.Spec.VersionSyntax, limit.Token);
        }
        catch (Exception e) when (e is CvException or OperationCanceledException)
        {
            return [];
        }
    }
}
