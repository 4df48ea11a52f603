namespace CvManager.Registries;

/// <summary>
/// One registry, as much of it as following and moving tags needs. Thread-safe. Every method throws <see cref="CvException"/> with an id
/// that starts with <c>Registry</c> where the registry cannot answer (<see cref="RegistryErrors"/>), and never gives part of an answer.
/// </summary>
public interface IRegistry
{
    /// <summary>When an image was built (image-spec, annotations.md).</summary>
    const string CreatedLabel = "org.opencontainers.image.created";

    /// <summary>How many tags of one repository a single request of <see cref="FindTagsAsync"/> answers for; 1 where each costs one.</summary>
    int TagsPerRequest { get; }

    /// <summary>What a tag points at (the index's digest, where it points at one); null where the tag does not exist. One request.</summary>
    Task<TagDigest?> FindTagAsync(ImageRepository repository, string tag, CancellationToken cancellationToken);

    /// <summary>The same for several tags, in as few requests as the registry has it. A tag that does not exist is not in the answer.</summary>
    Task<IReadOnlyDictionary<string, TagDigest>> FindTagsAsync(
        ImageRepository repository, IReadOnlyCollection<string> tags, CancellationToken cancellationToken);

    /// <summary>
    /// All tags, page by page as they come. An enumeration that ended without an exception was whole: nothing may be concluded
    /// from one that did not.
    /// </summary>
    IAsyncEnumerable<RegistryTag> ListTagsAsync(ImageRepository repository, CancellationToken cancellationToken);

    /// <summary>
    /// The labels of an image; for an index, its annotations and the labels of its first child that is for a platform, the latter where
    /// both have one; <c>org.opencontainers.image.created</c> is when it was built, also where only its configuration says so. Empty where there
    /// are none.
    /// </summary>
    Task<IReadOnlyDictionary<string, string>> ReadLabelsAsync(ImageRepository repository, string digest, CancellationToken cancellationToken);

    /// <summary>
    /// Checks that a digest is an image's and no other artifact's, or an index's whose images of all platforms are there. A request for the manifest or
    /// index, and for each image of an index at most one.
    /// </summary>
    /// <exception cref="CvException">
    /// <c>RegistryNotAnImage</c>. <c>RegistryImageIncomplete</c>: an image of the index is missing. <c>RegistryImageNotFound</c>: the digest is.
    /// </exception>
    Task RequireWholeAsync(ImageRepository repository, string digest, CancellationToken cancellationToken);

    /// <summary>Points <paramref name="tag"/> at the image that the tag <paramref name="version"/> points at. Idempotent.</summary>
    /// <exception cref="CvException"><c>RegistryVersionNotFound</c>: there is no such version; and those of every method.</exception>
    Task<TagMove> AddTagAsync(ImageRepository repository, string version, string tag, CancellationToken cancellationToken);

    /// <summary>Removes the tag alone: the image and its other tags stay.</summary>
    /// <param name="force">Also where it is the image's last tag and the registry removes the image with it.</param>
    /// <exception cref="CvException">
    /// <c>RegistryTagRemovalUnsupported</c>: the registry can only remove whole images. <c>RegistryTagNotFound</c>.
    /// <c>RegistryLastTag</c>: the image would go with the tag.
    /// </exception>
    Task RemoveTagAsync(ImageRepository repository, string tag, bool force, CancellationToken cancellationToken);
}

/// <summary>Finds the client of a repository's registry. Thread-safe.</summary>
public interface IRegistryCatalog
{
    /// <summary>The same client for repositories of the same registry. It belongs to the catalog.</summary>
    IRegistry For(ImageRepository repository);
}

/// <summary>What a tag points at.</summary>
/// <param name="Digest"><c>sha256:…</c>, of the index where the tag points at one.</param>
/// <param name="ImageTags">All tags of that image, where the registry tells them in the same answer; otherwise null.</param>
/// <param name="IsIndex">True where that is an index: images for several platforms.</param>
/// <param name="ChosenTag">The version tag that a policy chose; null where the tag was named.</param>
/// <param name="ArtifactType">The type of something that is no image (a chart, for example), where the registry tells it in the same answer; otherwise null.</param>
public sealed record TagDigest(string Digest, IReadOnlyList<string>? ImageTags = null, bool IsIndex = false, string? ChosenTag = null, string? ArtifactType = null);

/// <summary>A tag out of a list of them.</summary>
/// <param name="Digest">Null where the registry's list has none; then <see cref="IRegistry.FindTagAsync"/> tells.</param>
/// <param name="PushedAt">When the image was pushed, where the registry's list tells.</param>
/// <param name="ArtifactType">The type of something that is no image, where the registry's list tells it; otherwise null.</param>
public sealed record RegistryTag(string Tag, string? Digest, DateTimeOffset? PushedAt = null, string? ArtifactType = null);

/// <summary>A tag that was moved, or was where it should be.</summary>
/// <param name="FormerDigest">What it pointed at before; null where it did not exist.</param>
/// <param name="AlreadyThere">True where nothing had to be changed.</param>
public sealed record TagMove(ImageRepository Repository, string Tag, string Version, string Digest, string? FormerDigest, bool AlreadyThere);
