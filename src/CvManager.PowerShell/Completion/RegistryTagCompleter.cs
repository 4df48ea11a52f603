using CvManager.Registries;

namespace CvManager.PowerShell.Completion;

/// <summary>Offers tags of the repository on the command line.</summary>
public sealed class RegistryTagCompleter : Completer
{
    private const int MaxTags = 1000;

    internal override async Task<IReadOnlyList<CompletionCandidate>> FindAsync(
        CompletionRequest request,
        CancellationToken cancellationToken
    )
    {
        if (!ImageRepository.TryParse(request.Text("Repository") ?? request.Text("ImageRepo"), out var repository))
            return [];
        using var registries = SessionRegistries.Of(request.Session).Open();
        List<CompletionCandidate> tags = [];
        await foreach (var tag in registries.For(repository).ListTagsAsync(repository, cancellationToken))
        {
            tags.Add(new CompletionCandidate(tag.Tag));
            if (tags.Count == MaxTags)
                break;
        }

        return tags;
    }
}
