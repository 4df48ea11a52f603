using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.RegularExpressions;
using Amazon.Runtime;
using CvManager.Registries.Oci;

namespace CvManager.Registries.Ecr;

/// <summary>One private registry of Amazon ECR, by its API: a request answers for up to 100 tags, with all tags of their images.</summary>
/// <param name="registryId">The account.</param>
/// <param name="images">The same registry by its OCI endpoint, for what the API does not tell: the labels of images.</param>
internal sealed partial class EcrRegistry(EcrCaller ecr, string registryId, IRegistry images, RegistryClientOptions options) : IRegistry
{
    /// <summary>The most that <c>imageIds</c> takes.</summary>
    private const int BatchSize = 100;

    /// <summary>A repository holds at most 100,000 images unless the quota was raised; this is ten times that.</summary>
    private const int MostPages = 1000;

    /// <summary>Pages in a row without a tag that was not there before.</summary>
    private const int MostBarrenPages = 16;

    private static readonly List<string> AcceptedMediaTypes = [.. ImageManifest.MediaTypes];

    public int TagsPerRequest => BatchSize;

    public async Task<TagDigest?> FindTagAsync(ImageRepository repository, string tag, CancellationToken cancellationToken) =>
        (await FindTagsAsync(repository, [tag], cancellationToken).ConfigureAwait(false)).GetValueOrDefault(tag);

    public async Task<IReadOnlyDictionary<string, TagDigest>> FindTagsAsync(
        ImageRepository repository, IReadOnlyCollection<string> tags, CancellationToken cancellationToken)
    {
        Dictionary<string, TagDigest> found = new(StringComparer.Ordinal);
        foreach (string[] batch in tags.Distinct(StringComparer.Ordinal).Chunk(BatchSize))
            await FindBatchAsync(repository, [.. batch], found, cancellationToken).ConfigureAwait(false);
        return found;
    }

    public async IAsyncEnumerable<RegistryTag> ListTagsAsync(
        ImageRepository repository, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        string? next = null;
        HashSet<string> seen = new(StringComparer.Ordinal);
        int barren = 0;
        long started = options.TimeProvider.GetTimestamp();
        for (int page = 0; page < MostPages; page++)
        {
            if (options.TimeProvider.GetElapsedTime(started) > options.ListTimeout)
                throw RegistryErrors.ListTimedOut(repository, options.ListTimeout);
            DescribeImagesResponse answer = await ecr.CallAsync(repository, "DescribeImages", (client, token) => client.DescribeImagesAsync(
                new DescribeImagesRequest
                {
                    RegistryId = registryId,
                    RepositoryName = repository.Path,
                    Filter = new DescribeImagesFilter { TagStatus = "TAGGED" },
                    MaxResults = 1000,
                    NextToken = next,
                },
                token), cancellationToken).ConfigureAwait(false);
            int before = seen.Count;
            foreach (ImageDetail image in Details(answer))
            {
                foreach (string tag in image.ImageTags!.Where(seen.Add))
                    yield return new RegistryTag(tag, image.ImageDigest, image.ImagePushedAt is { } pushed ? new DateTimeOffset(pushed.ToUniversalTime()) : null, ArtifactTypeOf(image));
            }

            if (string.IsNullOrEmpty(answer.NextToken))
                yield break;
            barren = seen.Count > before ? 0 : barren + 1;
            if (answer.NextToken == next || barren > MostBarrenPages)
                throw RegistryErrors.Invalid(repository, "the pages of its image list repeat.");
            next = answer.NextToken;
        }

        throw RegistryErrors.TooLarge(repository, "a list of images", MostPages * 1000L);
    }

    public Task<IReadOnlyDictionary<string, string>> ReadLabelsAsync(
        ImageRepository repository, string digest, CancellationToken cancellationToken) => images.ReadLabelsAsync(repository, digest, cancellationToken);

    /// <inheritdoc/>
    /// <remarks>Two requests.</remarks>
    public async Task RequireWholeAsync(ImageRepository repository, string digest, CancellationToken cancellationToken)
    {
        BatchGetImageResponse answer = await GetAsync(repository, [new ImageIdentifier { ImageDigest = digest }], cancellationToken).ConfigureAwait(false);
        if (answer.Images is not [{ ImageManifest: string text } image, ..])
            throw RegistryErrors.ImageNotFound(repository, digest);
        ImageManifest manifest = ReadManifest(repository, text);
        if (!ImageManifest.IsIndex(image.ImageManifestMediaType ?? manifest.MediaType ?? ""))
        {
            if (manifest.Config is { } config && !ImageManifest.IsImage(config.MediaType))
                throw RegistryErrors.NoImageConfiguration(repository, digest, config.MediaType);
            return;
        }

        List<ManifestDescriptor> images = [.. manifest.Images().Where(i => ImageReference.IsDigest(i.Digest)).DistinctBy(i => i.Digest)];
        if (images.Count == 0)
            throw RegistryErrors.NotAnImage(repository, digest, "its index refers to no image for any platform");
        // What no node pulls may be missing; see OciRegistry. Indexes within the index are looked at no further.
        List<ImageIdentifier> children = [.. images.Where(i => i.IsFor(options.Platforms)).Select(i => new ImageIdentifier { ImageDigest = i.Digest })];
        if (children.Count > BatchSize)
            throw RegistryErrors.Invalid(repository, $"an index with more than {BatchSize} images.");
        if (children.Count == 0)
            return;
        try
        {
            await ecr.CallAsync(repository, "DescribeImages", (client, token) => client.DescribeImagesAsync(
                new DescribeImagesRequest { RegistryId = registryId, RepositoryName = repository.Path, ImageIds = children },
                token), cancellationToken, expected: "ImageNotFoundException").ConfigureAwait(false);
        }
        catch (AmazonServiceException e) when (e.ErrorCode == "ImageNotFoundException")
        {
            string missing = MissingDigest().Match(e.Message) is { Success: true } match ? match.Groups[1].Value : "one of its platforms";
            throw RegistryErrors.ImageIncomplete(repository, digest, missing, e);
        }
    }

    /// <inheritdoc/>
    /// <remarks>Two requests; one where the tag is there already.</remarks>
    public async Task<TagMove> AddTagAsync(ImageRepository repository, string version, string tag, CancellationToken cancellationToken)
    {
        RequireTag(repository, version);
        RequireTag(repository, tag);
        (Image image, string? former) = await ReadVersionAsync(repository, version, tag, cancellationToken).ConfigureAwait(false);
        string digest = image.ImageId!.ImageDigest!;
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
        PutImageResponse? answer = await PutAsync(repository, put, cancellationToken).ConfigureAwait(false);
        // Null: somebody else moved it there meanwhile.
        if (answer is null)
            return new TagMove(repository, tag, version, digest, former, AlreadyThere: true);
        // The service computes it of what it stored.
        string? stored = answer.Image?.ImageId?.ImageDigest;
        return stored == digest
            ? new TagMove(repository, tag, version, digest, former, AlreadyThere: false)
            : throw RegistryErrors.Invalid(repository, $"'{version}' has digest {digest}, but '{tag}' was stored with {stored ?? "no digest"}.");
    }

    public async Task RemoveTagAsync(ImageRepository repository, string tag, bool force, CancellationToken cancellationToken)
    {
        RequireTag(repository, tag);
        if (!force)
        {
            TagDigest found = await FindTagAsync(repository, tag, cancellationToken).ConfigureAwait(false)
                ?? throw RegistryErrors.TagNotFound(repository, tag);
            if (found.ImageTags is not { Count: > 1 })
                throw RegistryErrors.LastTag(repository, tag);
        }

        // By the tag alone: with a digest beside it, the image would go.
        BatchDeleteImageResponse answer = await ecr.CallAsync(repository, "BatchDeleteImage", (client, token) => client.BatchDeleteImageAsync(
            new BatchDeleteImageRequest { RegistryId = registryId, RepositoryName = repository.Path, ImageIds = [new ImageIdentifier { ImageTag = tag }] },
            token), cancellationToken).ConfigureAwait(false);
        if (answer.Failures is [ImageFailure failure, ..])
        {
            throw failure.FailureCode == "ImageNotFound"
                ? RegistryErrors.TagNotFound(repository, tag)
                : RegistryErrors.Refused(repository, $"to delete the tag '{tag}'", 200, $"{failure.FailureCode}: {failure.FailureReason}");
        }
    }

    /// <summary>
    /// One missing tag makes the service refuse the whole batch. It names one: that is left out and the rest asked for again. Where more
    /// are missing, one BatchGetImage tells all of them, so that the requests do not grow with the number of missing tags.
    /// </summary>
    private async Task FindBatchAsync(
        ImageRepository repository, List<string> tags, Dictionary<string, TagDigest> found, CancellationToken cancellationToken)
    {
        int refusals = 0;
        while (tags.Count > 0)
        {
            DescribeImagesResponse answer;
            try
            {
                answer = await ecr.CallAsync(repository, "DescribeImages", (client, token) => client.DescribeImagesAsync(
                    new DescribeImagesRequest { RegistryId = registryId, RepositoryName = repository.Path, ImageIds = Identifiers(tags) },
                    token), cancellationToken, expected: "ImageNotFoundException").ConfigureAwait(false);
            }
            catch (AmazonServiceException missing) when (missing.ErrorCode == "ImageNotFoundException")
            {
                if (tags.Count == 1)
                    return;
                bool named = MissingTag().Match(missing.Message) is { Success: true } match && tags.Remove(match.Groups[1].Value);
                if (++refusals > 1 || !named)
                    await KeepPresentAsync(repository, tags, cancellationToken).ConfigureAwait(false);
                // Somebody may remove tags all the time; that is not waited for.
                if (refusals > 3)
                    throw RegistryErrors.Invalid(repository, "tags disappeared while they were read.", missing);
                continue;
            }

            if (answer.ImageDetails?.Any(i => i is null || !ImageReference.IsDigest(i.ImageDigest)) == true)
                throw RegistryErrors.Invalid(repository, "an image with an invalid digest.");
            foreach (ImageDetail image in Details(answer))
            {
                TagDigest digest = new(image.ImageDigest!, image.ImageTags, ImageManifest.IsIndex(image.ImageManifestMediaType ?? ""), ArtifactType: ArtifactTypeOf(image));
                foreach (string tag in image.ImageTags!.Intersect(tags, StringComparer.Ordinal))
                    found[tag] = digest;
            }

            return;
        }
    }

    private async Task KeepPresentAsync(ImageRepository repository, List<string> tags, CancellationToken cancellationToken)
    {
        BatchGetImageResponse answer = await GetAsync(repository, Identifiers(tags), cancellationToken).ConfigureAwait(false);
        foreach (ImageFailure failure in answer.Failures ?? [])
        {
            if (failure.FailureCode == "ImageNotFound" && failure.ImageId?.ImageTag is string missing)
                tags.Remove(missing);
        }
    }

    /// <summary>The image of a version, and in the same request what the tag points at.</summary>
    private async Task<(Image Version, string? FormerDigest)> ReadVersionAsync(
        ImageRepository repository, string version, string tag, CancellationToken cancellationToken)
    {
        List<string> asked = version == tag ? [version] : [version, tag];
        BatchGetImageResponse answer = await GetAsync(repository, Identifiers(asked), cancellationToken).ConfigureAwait(false);
        foreach (ImageFailure failure in answer.Failures ?? [])
        {
            string? about = failure.ImageId?.ImageTag;
            if (failure.FailureCode != "ImageNotFound")
                throw RegistryErrors.Refused(repository, $"to read '{about}'", 200, $"{failure.FailureCode}: {failure.FailureReason}");
            if (about == version)
                throw RegistryErrors.VersionNotFound(repository, version);
            asked.Remove(about ?? "");
        }

        List<Image> images = (answer.Images ?? []).Where(i => i.ImageId?.ImageDigest is not null && i.ImageManifest is not null)
            .DistinctBy(i => i.ImageId!.ImageDigest).ToList();
        if (images.Count == 0)
            throw RegistryErrors.Invalid(repository, $"neither an image nor an error for '{version}'.");
        if (images.Count == 1)
            return (images[0], asked.Count > 1 || version == tag ? images[0].ImageId!.ImageDigest : null);

        // Two images: the answer says which is which, unless it calls them by other tags of theirs.
        Image? named = images.Find(i => i.ImageId!.ImageTag == version);
        Image? other = images.Find(i => i.ImageId!.ImageTag == tag);
        if (named is null && other is null)
        {
            TagDigest found = await FindTagAsync(repository, version, cancellationToken).ConfigureAwait(false)
                ?? throw RegistryErrors.VersionNotFound(repository, version);
            named = images.Find(i => i.ImageId!.ImageDigest == found.Digest)
                ?? throw RegistryErrors.Invalid(repository, $"'{version}' changed while it was read.");
        }

        named ??= images.Find(i => i != other)!;
        return (named, images.Find(i => i != named)!.ImageId!.ImageDigest);
    }

    private async Task<PutImageResponse?> PutAsync(ImageRepository repository, PutImageRequest request, CancellationToken cancellationToken)
    {
        try
        {
            return await ecr.CallAsync(repository, "PutImage", (client, token) => client.PutImageAsync(request, token), cancellationToken,
                expected: "ImageAlreadyExistsException").ConfigureAwait(false);
        }
        catch (AmazonServiceException e) when (e.ErrorCode == "ImageAlreadyExistsException")
        {
            return null;
        }
    }

    private Task<BatchGetImageResponse> GetAsync(ImageRepository repository, List<ImageIdentifier> ids, CancellationToken cancellationToken) =>
        ecr.CallAsync(repository, "BatchGetImage", (client, token) => client.BatchGetImageAsync(
            new BatchGetImageRequest { RegistryId = registryId, RepositoryName = repository.Path, ImageIds = ids, AcceptedMediaTypes = AcceptedMediaTypes },
            token), cancellationToken);

    /// <summary>The images with a digest, and their tags as far as they are some.</summary>
    private static IEnumerable<ImageDetail> Details(DescribeImagesResponse answer)
    {
        foreach (ImageDetail? image in answer.ImageDetails ?? [])
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
            return JsonSerializer.Deserialize(text, ManifestJson.Default.ImageManifest) ?? throw RegistryErrors.Invalid(repository, "an empty manifest.");
        }
        catch (JsonException e)
        {
            throw RegistryErrors.Invalid(repository, "a manifest that is not JSON.", e);
        }
    }

    private static List<ImageIdentifier> Identifiers(IEnumerable<string> tags) => tags.Select(t => new ImageIdentifier { ImageTag = t }).ToList();

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
