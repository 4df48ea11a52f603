using CvManager.Registries;

namespace CvManager.Controller;

/// <summary>Asks the registries for the poller: each repository with the login that its followers have. Thread-safe.</summary>
internal sealed class RegistryTagLookup(RegistryLogins logins) : ITagLookup
{
    public int TagsPerRequest(TagRepository repository)
    {
        (IRegistry registry, _) = Find(repository);
        return registry.TagsPerRequest;
    }

    public async Task<IReadOnlyDictionary<string, TagObservation>> LookAsync(TagRepository repository, IReadOnlyList<string> tags, CancellationToken cancellationToken)
    {
        (IRegistry registry, ImageRepository named) = Find(repository);
        if (registry.TagsPerRequest > 1)
        {
            IReadOnlyDictionary<string, TagDigest> found = await registry.FindTagsAsync(named, tags, cancellationToken);
            return tags.ToDictionary(tag => tag, tag => Observed(named, tag, found.GetValueOrDefault(tag)), StringComparer.Ordinal);
        }

        // One that fails keeps nothing from being seen of the others.
        Dictionary<string, TagObservation> answers = new(StringComparer.Ordinal);
        foreach (string tag in tags)
        {
            try
            {
                answers[tag] = Observed(named, tag, await registry.FindTagAsync(named, tag, cancellationToken));
            }
            catch (CvException error)
            {
                answers[tag] = TagObservation.Failed(error);
            }
        }

        return answers;
    }

    private (IRegistry Registry, ImageRepository Repository) Find(TagRepository repository)
    {
        ImageRepository named = ImageRepository.Parse($"{repository.Registry}/{repository.Repository}");
        return (logins.Find(repository.Login).Registries.For(named), named);
    }

    /// <summary>That a tag is missing and that its repository is have one answer: to tell them apart costs a request for each poll.</summary>
    private static TagObservation Observed(ImageRepository repository, string tag, TagDigest? found) =>
        found is null ? TagObservation.Failed(RegistryErrors.TagNotFound(repository, tag)) : TagObservation.Of(found);
}
