using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.RegularExpressions;
using Amazon.Runtime;
using CvManager.Registries.Oci;

namespace CvManager.Registries.Ecr;

/// <summary>A private Amazon ECR registry, used through its API: one request reads up to 100 tags, with all tags of their images.</summary>
/// <param name="registryId">The account ID.</param>
/// <param name="images">The OCI endpoint of the same registry, for labels of images, which the API does not return.</param>
internal sealed partial class EcrRegistry(EcrCaller ecr, string registryId, IRegistry images, RegistryClientOptions options) : IRegistry
{
    /// <summary>The maximum number of <c>imageIds</c>.</summary>
    private const int BatchSize = 100;

    /// <summary>Ten times the default quota of 100,000 images per repository.</summary>
    private const int MaxPages = 1000;

    /// <summary>The maximum number of consecutive pages without new tags.</summary>
    private const int MaxPagesWithoutTags = 16;

    private static readonly List<string> AcceptedMediaTypes = [.. ImageManifest.MediaTypes];

    public int TagsPerRequest => BatchSize;

    public async Task<TagDigest?> FindTagAsync(ImageRepository repository, string tag, CancellationToken cancellationToken) =>
        (await FindTagsAsync(repository, [tag], cancellationToken)).GetValueOrDefault(tag);

    public async Task<IReadOnlyDictionary<string, TagDigest>> FindTagsAsync(
        ImageRepository repository,
        IReadOnlyCollection<string> tags,
        CancellationToken cancellationToken
    )
    {
        Dictionary<string, TagDigest> found = new(StringComparer.Ordinal);
        foreach (var batch in tags.Distinct(StringComparer.Ordinal).Chunk(BatchSize))
            await FindBatchAsync(repository, [.. batch], found, cancellationToken);
        return found;
    }

    public async IAsyncEnumerable<RegistryTag> ListTagsAsync(
        ImageRepository repository,
        [EnumeratorCancellation] CancellationToken cancellationToken
    )
    {
        string? next = null;
        HashSet<string> seen = new(StringComparer.Ordinal);
        var pagesWithoutTags = 0;
        var started = options.TimeProvider.GetTimestamp();
        for (var page = 0; page < MaxPages; page++)
        {
            if (options.TimeProvider.GetElapsedTime(started) > options.ListTimeout)
                throw RegistryErrors.ListTimedOut(repository, options.ListTimeout);
            var response = await ecr.CallAsync(
                repository,
                "DescribeImages",
                (client, token) =>
                    client.DescribeImagesAsync(
                        new DescribeImagesRequest
                        {
                            RegistryId = registryId,
                            RepositoryName = repository.Path,
                            Filter = new DescribeImagesFilter { TagStatus = "TAGGED" },
                            MaxResults = 1000,
                            NextToken = next,
                        },
                        token
                    ),
                cancellationToken
            );
            var before = seen.Count;
            foreach (var image in Details(response))
            {
                foreach (var tag in image.ImageTags!.Where(seen.Add))
                    yield return new RegistryTag(
                        tag,
                        image.ImageDigest,
                        image.ImagePushedAt is { } pushed ? new DateTimeOffset(pushed.ToUniversalTime()) : null,
                        ArtifactTypeOf(image)
                    );
            }

            if (string.IsNullOrEmpty(response.NextToken))
                yield break;
            pagesWithoutTags = seen.Count > before ? 0 : pagesWithoutTags + 1;
            if (response.NextToken == next || pagesWithoutTags > MaxPagesWithoutTags)
                throw RegistryErrors.Invalid(repository, "the pages of its image list repeat.");
            next = response.NextToken;
        }

        throw RegistryErrors.TooLarge(repository, "a list of images", MaxPages * 1000L);
    }

    public Task<IReadOnlyDictionary<string, string>> ReadLabelsAsync(
        ImageRepository repository,
        string digest,
        CancellationToken cancellationToken
    ) => images.ReadLabelsAsync(repository, digest, cancellationToken);

    /// <inheritdoc/>
    /// <remarks>Two requests.</remarks>
    public async Task RequireCompleteAsync(ImageRepository repository, string digest, CancellationToken cancellationToken)
    {
        var response = await GetAsync(repository, [new ImageIdentifier { ImageDigest = digest }], cancellationToken);
        if (response.Images is not [{ ImageManifest: string text } image, ..])
            throw RegistryErrors.ImageNotFound(repository, digest);
        var manifest = ReadManifest(repository, text);
        if (!ImageManifest.IsIndex(image.ImageManifestMediaType ?? manifest.MediaType ?? ""))
        {
            if (manifest.Config is { } config && !ImageManifest.IsImage(config.MediaType))
                throw RegistryErrors.NoImageConfiguration(repository, digest, config.MediaType);
            return;
        }

        List<ManifestDescriptor> images = [.. manifest.Images().Where(i => ImageReference.IsDigest(i.Digest)).DistinctBy(i => i.Digest)];
        if (images.Count == 0)
            throw RegistryErrors.NotAnImage(repository, digest, "its index refers to no image for any platform");
        // Images for other platforms may be missing; see OciRegistry. Nested indexes are not checked.
        List<ImageIdentifier> children =
        [
            .. images.Where(i => i.IsFor(options.Platforms)).Select(i => new ImageIdentifier { ImageDigest = i.Digest }),
        ];
        if (children.Count > BatchSize)
            throw RegistryErrors.Invalid(repository, $"an index with more than {BatchSize} images.");
        if (children.Count == 0)
            return;
        try
        {
            await ecr.CallAsync(
                repository,
                "DescribeImages",
                (client, token) =>
                    client.DescribeImagesAsync(
                        new DescribeImagesRequest
                        {
                            RegistryId = registryId,
                            RepositoryName = repository.Path,
                            ImageIds = children,
                        },
                        token
                    ),
                cancellationToken,
                expected: "ImageNotFoundException"
            );
        }
        catch (AmazonServiceException e) when (e.ErrorCode == "ImageNotFoundException")
        {
            var missing = MissingDigest().Match(e.Message) is { Success: true } match ? match.Groups[1].Value : "one of its platforms";
            throw RegistryErrors.ImageIncomplete(repository, digest, missing, e);
        }
    }

    /// <inheritdoc/>
    /// <remarks>Two requests; one if the tag already points at the image.</remarks>
    public async Task<TagMove> AddTagAsync(ImageRepository repository, string version, string tag, CancellationToken cancellationToken)
    {
        RequireTag(repository, version);
        RequireTag(repository, tag);
        (var image, var former) = await ReadVersionAsync(repository, version, tag, cancellationToken);
        var digest = image.ImageId!.ImageDigest!;
        if (former == digest)
            return new TagMove(repository, tag, version, digest, former, AlreadyThere: true);
        PutImageRequest put = new()
        {
            RegistryId = registryId,
            RepositoryName = repository.Path,
            ImageManifest = image.ImageManifest,
            ImageManifestMediaType = image.ImageManifestMediaType,
            ImageTag = tag,
        };
        var response = await PutAsync(repository, put, cancellationToken);
        // Null: another client has already moved the tag to this image.
        if (response is null)
            return new TagMove(repository, tag, version, digest, former, AlreadyThere: true);
        // The service computes the digest of the stored manifest.
        var stored = response.Image?.ImageId?.ImageDigest;
        return stored == digest
            ? new TagMove(repository, tag, version, digest, former, AlreadyThere: false)
            : throw RegistryErrors.Invalid(
                repository,
                $"'{version}' has digest {digest}, but '{tag}' was stored with {stored ?? "no digest"}."
            );
    }

    public async Task RemoveTagAsync(ImageRepository repository, string tag, bool force, CancellationToken cancellationToken)
    {
        RequireTag(repository, tag);
        if (!force)
        {
            var found = await FindTagAsync(repository, tag, cancellationToken) ?? throw RegistryErrors.TagNotFound(repository, tag);
            if (found.ImageTags is not { Count: > 1 })
                throw RegistryErrors.LastTag(repository, tag);
        }

        // By tag only: with a digest, the image would be deleted.
        var response = await ecr.CallAsync(
            repository,
            "BatchDeleteImage",
            (client, token) =>
                client.BatchDeleteImageAsync(
                    new BatchDeleteImageRequest
                    {
                        RegistryId = registryId,
                        RepositoryName = repository.Path,
                        ImageIds = [new ImageIdentifier { ImageTag = tag }],
                    },
                    token
                ),
            cancellationToken
        );
        if (response.Failures is [ImageFailure failure, ..])
        {
            throw failure.FailureCode == "ImageNotFound"
                ? RegistryErrors.TagNotFound(repository, tag)
                : RegistryErrors.Refused(repository, $"to delete the tag '{tag}'", 200, $"{failure.FailureCode}: {failure.FailureReason}");
        }
    }

    /// <summary>
    /// A single missing tag fails the whole batch. The error names one missing tag, which is removed before the retry. If more are missing,
    /// one BatchGetImage finds all of them, so that the number of requests does not grow with the number of missing tags.
    /// </summary>
    private async Task FindBatchAsync(
        ImageRepository repository,
        List<string> tags,
        Dictionary<string, TagDigest> found,
        CancellationToken cancellationToken
    )
    {
        var refusals = 0;
        while (tags.Count > 0)
        {
            DescribeImagesResponse response;
            try
            {
                response = await ecr.CallAsync(
                    repository,
                    "DescribeImages",
                    (client, token) =>
                        client.DescribeImagesAsync(
                            new DescribeImagesRequest
                            {
                                RegistryId = registryId,
                                RepositoryName = repository.Path,
                                ImageIds = Identifiers(tags),
                            },
                            token
                        ),
                    cancellationToken,
                    expected: "ImageNotFoundException"
                );
            }
            catch (AmazonServiceException e) when (e.ErrorCode == "ImageNotFoundException")
            {
                if (tags.Count == 1)
                    return;
                var named = MissingTag().Match(e.Message) is { Success: true } match && tags.Remove(match.Groups[1].Value);
                if (++refusals > 1 || !named)
                    await KeepPresentAsync(repository, tags, cancellationToken);
                // Do not retry forever while tags are being deleted.
                if (refusals > 3)
                    throw RegistryErrors.Invalid(repository, "tags disappeared while they were read.", e);
                continue;
            }

            if (response.ImageDetails?.Any(i => i is null || !ImageReference.IsDigest(i.ImageDigest)) == true)
                throw RegistryErrors.Invalid(repository, "an image with an invalid digest.");
            foreach (var image in Details(response))
            {
                TagDigest digest = new(
                    image.ImageDigest!,
                    image.ImageTags,
                    ImageManifest.IsIndex(image.ImageManifestMediaType ?? ""),
                    ArtifactType: ArtifactTypeOf(image)
                );
                foreach (var tag in image.ImageTags!.Intersect(tags, StringComparer.Ordinal))
                    found[tag] = digest;
            }

            return;
        }
    }

    private async Task KeepPresentAsync(ImageRepository repository, List<string> tags, CancellationToken cancellationToken)
    {
        var response = await GetAsync(repository, Identifiers(tags), cancellationToken);
        foreach (var failure in response.Failures ?? [])
        {
            if (failure.FailureCode == "ImageNotFound" && failure.ImageId?.ImageTag is string missing)
                tags.Remove(missing);
        }
    }

    /// <summary>The image of a version and the digest of the tag, in one request.</summary>
    private async Task<(Image Version, string? FormerDigest)> ReadVersionAsync(
        ImageRepository repository,
        string version,
        string tag,
        CancellationToken cancellationToken
    )
    {
        List<string> asked = version == tag ? [version] : [version, tag];
        var response = await GetAsync(repository, Identifiers(asked), cancellationToken);
        foreach (var failure in response.Failures ?? [])
        {
            var failedTag = failure.ImageId?.ImageTag;
            if (failure.FailureCode != "ImageNotFound")
                throw RegistryErrors.Refused(repository, $"to read '{failedTag}'", 200, $"{failure.FailureCode}: {failure.FailureReason}");
            if (failedTag == version)
                throw RegistryErrors.VersionNotFound(repository, version);
            asked.Remove(failedTag ?? "");
        }

        var images = (response.Images ?? [])
            .Where(i => i.ImageId?.ImageDigest is not null && i.ImageManifest is not null)
            .DistinctBy(i => i.ImageId!.ImageDigest)
            .ToList();
        if (images.Count == 0)
            throw RegistryErrors.Invalid(repository, $"neither an image nor an error for '{version}'.");
        if (images.Count == 1)
            return (images[0], asked.Count > 1 || version == tag ? images[0].ImageId!.ImageDigest : null);

        // Two images: they are identified by their tags, unless the response contains other tags of theirs.
        var named = images.Find(i => i.ImageId!.ImageTag == version);
        var other = images.Find(i => i.ImageId!.ImageTag == tag);
        if (named is null && other is null)
        {
            var found =
                await FindTagAsync(repository, version, cancellationToken) ?? throw RegistryErrors.VersionNotFound(repository, version);
            named =
                images.Find(i => i.ImageId!.ImageDigest == found.Digest)
                ?? throw RegistryErrors.Invalid(repository, $"'{version}' changed while it was read.");
        }

        named ??= images.Find(i => i != other)!;
        return (named, images.Find(i => i != named)!.ImageId!.ImageDigest);
    }

    private async Task<PutImageResponse?> PutAsync(ImageRepository repository, PutImageRequest request, CancellationToken cancellationToken)
    {
        try
        {
            return await ecr.CallAsync(
                repository,
                "PutImage",
                (client, token) => client.PutImageAsync(request, token),
                cancellationToken,
                expected: "ImageAlreadyExistsException"
            );
        }
        catch (AmazonServiceException e) when (e.ErrorCode == "ImageAlreadyExistsException")
        {
            return null;
        }
    }

    private Task<BatchGetImageResponse> GetAsync(
        ImageRepository repository,
        List<ImageIdentifier> ids,
        CancellationToken cancellationToken
    ) =>
        ecr.CallAsync(
            repository,
            "BatchGetImage",
            (client, token) =>
                client.BatchGetImageAsync(
                    new BatchGetImageRequest
                    {
                        RegistryId = registryId,
                        RepositoryName = repository.Path,
                        ImageIds = ids,
                        AcceptedMediaTypes = AcceptedMediaTypes,
                    },
                    token
                ),
            cancellationToken
        );

    /// <summary>The images with valid digests, and their valid tags.</summary>
    private static IEnumerable<ImageDetail> Details(DescribeImagesResponse response)
    {
        foreach (var image in response.ImageDetails ?? [])
        {
            if (image is null || !ImageReference.IsDigest(image.ImageDigest))
                continue;
            image.ImageTags = [.. (image.ImageTags ?? []).Where(ImageReference.IsTag)];
            yield return image;
        }
    }

    private static string? ArtifactTypeOf(ImageDetail image) =>
        string.IsNullOrEmpty(image.ArtifactMediaType) || ImageManifest.IsImage(image.ArtifactMediaType) ? null : image.ArtifactMediaType;

    private static ImageManifest ReadManifest(ImageRepository repository, string text)
    {
        try
        {
            return JsonSerializer.Deserialize(text, ManifestJson.Default.ImageManifest)
                ?? throw RegistryErrors.Invalid(repository, "an empty manifest.");
        }
        catch (JsonException e)
        {
            throw RegistryErrors.Invalid(repository, "a manifest that is not JSON.", e);
        }
    }

    private static List<ImageIdentifier> Identifiers(IEnumerable<string> tags) =>
        tags.Select(t => new ImageIdentifier { ImageTag = t }).ToList();

    private static void RequireTag(ImageRepository repository, string tag)
    {
        if (!ImageReference.IsTag(tag))
            throw RegistryErrors.TagInvalid(repository, tag);
    }

    // "The image with imageId {imageDigest:'null', imageTag:'demo'} does not exist within the repository …"
    [GeneratedRegex("imageTag:'([^']+)'", RegexOptions.CultureInvariant)]
    private static partial Regex MissingTag();

    [GeneratedRegex("imageDigest:'([^']+)'", RegexOptions.CultureInvariant)]
    private static partial Regex MissingDigest();
}
