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
        Dictionary<string, TagObservation> answers = new(StringComparer.Ordinal);
        string[] plain = [.. tags.Where(tag => !IsPolicy(tag))];
        if (registry.TagsPerRequest > 1 && plain.Length > 0)
        {
            IReadOnlyDictionary<string, TagDigest> found = await registry.FindTagsAsync(named, plain, cancellationToken);
            foreach (string tag in plain)
                answers[tag] = Observed(named, tag, found.GetValueOrDefault(tag));
        }

        // One that fails keeps nothing from being seen of the others.
        foreach (string tag in tags.Where(tag => !answers.ContainsKey(tag)))
        {
            try
            {
                answers[tag] = IsPolicy(tag)
                    ? TagObservation.Of(await logins.Find(repository.Login).Versions.FindTagAsync(named, tag, cancellationToken))
                    : Observed(named, tag, await registry.FindTagAsync(named, tag, cancellationToken));
            }
            catch (CvException error)
            {
                answers[tag] = TagObservation.Failed(error);
            }
        }

        return answers;
    }

    /// <summary>What a policy wants is listed; no tag has a colon.</summary>
    private static bool IsPolicy(string tag) => tag.Contains(':', StringComparison.Ordinal);

    private (IRegistry Registry, ImageRepository Repository) Find(TagRepository repository)
    {
        ImageRepository named = ImageRepository.Parse($"{repository.Registry}/{repository.Repository}");
        return (logins.Find(repository.Login).Registries.For(named), named);
    }

    /// <summary>That a tag is missing and that its repository is have one answer: to tell them apart costs a request for each poll.</summary>
    private static TagObservation Observed(ImageRepository repository, string tag, TagDigest? found) =>
        found is null ? TagObservation.Failed(RegistryErrors.TagNotFound(repository, tag)) : TagObservation.Of(found);
}
