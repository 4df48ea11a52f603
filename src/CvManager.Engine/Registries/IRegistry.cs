namespace CvManager.Registries;

/// <summary>
/// One registry, with the operations for following and moving tags. Thread-safe. All methods throw <see cref="CvException"/> with an id
/// that starts with <c>Registry</c> on failure (<see cref="RegistryErrors"/>), and never return partial results.
/// </summary>
public interface IRegistry
{
    /// <summary>The label with the build time of an image (image-spec, annotations.md).</summary>
    const string CreatedLabel = "org.opencontainers.image.created";

    /// <summary>The maximum number of tags of one repository that <see cref="FindTagsAsync"/> reads per request.</summary>
    int TagsPerRequest { get; }

    /// <summary>The digest of a tag (of the index, if it points at one); null if the tag does not exist. One request.</summary>
    Task<TagDigest?> FindTagAsync(ImageRepository repository, string tag, CancellationToken cancellationToken);

    /// <summary>The same for several tags, in as few requests as possible. Tags that do not exist are not in the result.</summary>
    Task<IReadOnlyDictionary<string, TagDigest>> FindTagsAsync(
        ImageRepository repository,
        IReadOnlyCollection<string> tags,
        CancellationToken cancellationToken
    );

    /// <summary>
    /// All tags, page by page. Only an enumeration that ends without an exception is complete: never act on a partial one.
    /// </summary>
    IAsyncEnumerable<RegistryTag> ListTagsAsync(ImageRepository repository, CancellationToken cancellationToken);

    /// <summary>
    /// The labels of an image; empty if there are none. For an index, its annotations and the labels of its first image for a platform,
    /// which take precedence. Includes the build time from the image configuration as <c>org.opencontainers.image.created</c>.
    /// </summary>
    Task<IReadOnlyDictionary<string, string>> ReadLabelsAsync(
        ImageRepository repository,
        string digest,
        CancellationToken cancellationToken
    );

    /// <summary>
    /// Checks that a digest is an image's and no other artifact's, or an index's whose images of all platforms are there. A request for the
    /// manifest or index, and for each image of an index at most one.
    /// </summary>
    /// <exception cref="CvException">
    /// <c>RegistryNotAnImage</c>. <c>RegistryImageIncomplete</c>: an image of the index is missing. <c>RegistryImageNotFound</c>: the
    /// digest is.
    /// </exception>
    Task RequireCompleteAsync(ImageRepository repository, string digest, CancellationToken cancellationToken);

    /// <summary>Points <paramref name="tag"/> at the image that the tag <paramref name="version"/> points at. Idempotent.</summary>
    /// <exception cref="CvException"><c>RegistryVersionNotFound</c>, and those of all methods.</exception>
    Task<TagMove> AddTagAsync(ImageRepository repository, string version, string tag, CancellationToken cancellationToken);

    /// <summary>Deletes the tag, but not the image and its other tags.</summary>
    /// <param name="force">Delete the tag even if it is the only one of its image and the registry deletes the image with it.</param>
    /// <exception cref="CvException">
    /// <c>RegistryTagRemovalUnsupported</c>: the registry can only delete images. <c>RegistryTagNotFound</c>.
    /// <c>RegistryLastTag</c>: deleting the tag would delete the image.
    /// </exception>
    Task RemoveTagAsync(ImageRepository repository, string tag, bool force, CancellationToken cancellationToken);
}

/// <summary>Finds the client of a repository's registry. Thread-safe.</summary>
public interface IRegistryCatalog
{
    /// <summary>The client, which is shared by all repositories of a registry and owned by the catalog.</summary>
    IRegistry For(ImageRepository repository);
}

/// <summary>The digest of a tag.</summary>
/// <param name="Digest"><c>sha256:…</c>; of the index, if the tag points at one.</param>
/// <param name="ImageTags">All tags of the image, if the same response contains them; otherwise null.</param>
/// <param name="IsIndex">True for an index: images for several platforms.</param>
/// <param name="ChosenTag">The version tag that a policy selected; null without a policy.</param>
/// <param name="ArtifactType">The type of an artifact that is not an image (for example a chart), if the same response contains it;
/// otherwise null.</param>
public sealed record TagDigest(
    string Digest,
    IReadOnlyList<string>? ImageTags = null,
    bool IsIndex = false,
    string? ChosenTag = null,
    string? ArtifactType = null
);

/// <summary>A tag of a list.</summary>
/// <param name="Digest">Null if the registry's list has none; then use <see cref="IRegistry.FindTagAsync"/>.</param>
/// <param name="PushedAt">When the image was pushed; null if the registry's list does not contain it.</param>
/// <param name="ArtifactType">The type of an artifact that is not an image, if the registry's list contains it; otherwise null.</param>
public sealed record RegistryTag(string Tag, string? Digest, DateTimeOffset? PushedAt = null, string? ArtifactType = null);

/// <summary>The result of moving a tag.</summary>
/// <param name="FormerDigest">The digest before; null if the tag did not exist.</param>
/// <param name="AlreadyThere">True if no change was necessary.</param>
public sealed record TagMove(
    ImageRepository Repository,
    string Tag,
    string Version,
    string Digest,
    string? FormerDigest,
    bool AlreadyThere
);
