using CvManager.Registries;

namespace CvManager.PowerShell.Completion;

/// <summary>
/// Offers tags of a repository: of that on the command line, or of the ContainerVersion that is named there (Set-ContainerVersion -Tag).
/// </summary>
public class RegistryTagCompleter : Completer
{
    private const int MaxTags = 1000;

    internal sealed override async Task<IReadOnlyList<CompletionCandidate>> FindAsync(
        CompletionRequest request,
        CancellationToken cancellationToken
    )
    {
        if ((request.Text("Repository") ?? request.Text("ImageRepo")) is { } specified)
        {
            return ImageRepository.TryParse(specified, out var repository)
                ? await ListAsync(request, repository, request.Text("VersionSyntax"), cancellationToken)
                : [];
        }
        if (request.Texts("Name").Length == 0)
            return [];
        var resources = await request.WithClusterAsync(cluster => request.FindAsync(cluster, cancellationToken));
        return resources is [var resource]
            ? await ListAsync(request, resource.Repository, request.Text("VersionSyntax") ?? resource.Spec.VersionSyntax, cancellationToken)
            : [];
    }

    /// <summary>Returns the tags of a repository, at most a thousand.</summary>
    internal async Task<IReadOnlyList<CompletionCandidate>> ListAsync(
        CompletionRequest request,
        ImageRepository repository,
        string? versionSyntax,
        CancellationToken cancellationToken
    )
    {
        var filter = Filter(versionSyntax);
        using var registries = SessionRegistries.Of(request.Session).Open(logger: null, plainHttp: request.Has("PlainHttp"));
        List<CompletionCandidate> tags = [];
        await foreach (var tag in registries.For(repository).ListTagsAsync(repository, cancellationToken))
        {
            if (filter(tag.Tag))
                tags.Add(new CompletionCandidate(tag.Tag));
            if (tags.Count == MaxTags)
                break;
        }

        return tags;
    }

    private protected virtual Func<string, bool> Filter(string? versionSyntax) => static _ => true;
}
