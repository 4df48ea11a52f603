using System.Net;
using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace CvManager.Registries.Oci;

/// <summary>A registry with the API of the OCI distribution specification or its predecessor, the Docker registry API.</summary>
internal sealed class OciRegistry(RegistryTransport transport, RegistryClientOptions options) : IRegistry
{
    private const int ManifestLimit = 4 * 1024 * 1024;
    private const int TagPageLimit = 8 * 1024 * 1024;
    private const int TagsPerPage = 1000;
    private const int MaxPages = 10_000;
    private const int MaxTags = 1_000_000;
    private const int MaxEmptyPages = 16;
    private const int MaxPlatforms = 100;
    private const long MaxListBytes = 128 * 1024 * 1024;

    /// <summary>Servers truncate lists at multiples of this.</summary>
    private const int RoundPage = 50;

    /// <summary>The maximum depth of nested indexes.</summary>
    private const int MaxDepth = 3;

    private volatile bool _headUnsupported;

    public int TagsPerRequest => 1;

    public Task<TagDigest?> FindTagAsync(ImageRepository repository, string tag, CancellationToken cancellationToken) =>
        FindTagAsync(repository, tag, RegistryAccess.Pull, cancellationToken);

    public async Task<IReadOnlyDictionary<string, TagDigest>> FindTagsAsync(
        ImageRepository repository,
        IReadOnlyCollection<string> tags,
        CancellationToken cancellationToken
    )
    {
        var found = new Dictionary<string, TagDigest>(StringComparer.Ordinal);
        foreach (var tag in tags.Distinct(StringComparer.Ordinal))
        {
            if (await FindTagAsync(repository, tag, cancellationToken) is TagDigest digest)
                found.Add(tag, digest);
        }

        return found;
    }

    public async IAsyncEnumerable<RegistryTag> ListTagsAsync(
        ImageRepository repository,
        [EnumeratorCancellation] CancellationToken cancellationToken
    )
    {
        var first = Address(repository, $"tags/list?n={TagsPerPage}");
        var next = first;
        HashSet<string> seen = new(StringComparer.Ordinal);
        HashSet<Uri> visited = [];
        var started = options.TimeProvider.GetTimestamp();
        long bytes = 0;
        var emptyPages = 0;
        var isVerifyingEnd = false;
        while (next is not null)
        {
            if (!visited.Add(next) || visited.Count > MaxPages)
                throw RegistryErrors.Invalid(repository, "the pages of its tag list repeat or are too many.");
            if (options.TimeProvider.GetElapsedTime(started) > options.ListTimeout)
                throw RegistryErrors.ListTimedOut(repository, options.ListTimeout);
            var response = await ReadPageAsync(repository, next, cancellationToken);
            bytes += response.Body.Length + next.OriginalString.Length;
            if (bytes > MaxListBytes)
                throw RegistryErrors.TooLarge(repository, "a tag list", MaxListBytes);
            var tags = Read(repository, response, ManifestJson.Default.TagList, "the tag list").Tags ?? [];
            next = NextPage(repository, response, first);
            var before = seen.Count;
            foreach (var tag in tags)
            {
                // Ignore invalid tags: they cannot be requested either.
                if (ImageReference.IsTag(tag) && seen.Add(tag))
                    yield return new RegistryTag(tag, null);
            }

            if (seen.Count > MaxTags)
                throw RegistryErrors.Invalid(repository, $"more than {MaxTags} tags in one repository.");
            emptyPages = seen.Count > before ? 0 : emptyPages + 1;
            if (next is not null && (emptyPages > MaxEmptyPages || (tags.Count > 0 && seen.Count == before)))
                throw RegistryErrors.Invalid(repository, "the pages of its tag list repeat.");
            // Some servers truncate the list without a link: after a full page, request another one; if it has no new tags, the list is
            // complete.
            if (
                next is null
                && !(isVerifyingEnd && seen.Count == before)
                && tags.Count > 0
                && tags.Count % RoundPage == 0
                && tags[^1] is { } last
                && ImageReference.IsTag(last)
            )
            {
                isVerifyingEnd = true;
                next = Address(repository, $"tags/list?n={TagsPerPage}&last={Uri.EscapeDataString(last)}");
                if (visited.Contains(next))
                    next = null;
            }
        }
    }

    private async Task<RegistryResponse> ReadPageAsync(ImageRepository repository, Uri page, CancellationToken cancellationToken)
    {
        RegistryResponse response;
        try
        {
            response = await transport.SendAsync(
                new RegistryRequest(HttpMethod.Get, page, repository, RegistryAccess.Pull)
                {
                    What = "a page of tags",
                    Limit = TagPageLimit,
                    Accept = ["application/json"],
                },
                cancellationToken
            );
        }
        catch (CvException e) when (e.Kind is CvErrorKind.Forbidden or CvErrorKind.Unauthenticated)
        {
            throw RegistryErrors.ListDenied(repository, e);
        }

        return response.Status switch
        {
            HttpStatusCode.NotFound => throw RegistryErrors.RepositoryNotFound(repository, RegistryErrorBody.MessageOf(response)),
            HttpStatusCode.MethodNotAllowed or HttpStatusCode.NotImplemented => throw RegistryErrors.ListUnsupported(
                repository,
                RegistryErrorBody.MessageOf(response)
            ),
            _ => Successful(repository, response),
        };
    }

    public async Task<IReadOnlyDictionary<string, string>> ReadLabelsAsync(
        ImageRepository repository,
        string digest,
        CancellationToken cancellationToken
    )
    {
        var labels = new Dictionary<string, string>(StringComparer.Ordinal);
        var manifest = await ReadManifestAsync(repository, digest, cancellationToken);
        for (var depth = 0; manifest?.Manifests is not null && depth < MaxDepth; depth++)
        {
            Add(manifest.Annotations);
            manifest = await ReadFirstImageAsync(repository, manifest, cancellationToken);
        }

        if (manifest is null || manifest.Manifests is not null)
            return labels;
        Add(manifest.Annotations);
        if (manifest.Config is { } config)
        {
            RequireImage(repository, digest, manifest);
            var configDigest = DigestIn(repository, config);
            var response = await transport.SendAsync(
                new RegistryRequest(HttpMethod.Get, Address(repository, $"blobs/{configDigest}"), repository, RegistryAccess.Pull)
                {
                    What = "an image configuration",
                    Limit = ManifestLimit,
                },
                cancellationToken
            );
            if (response.Status == HttpStatusCode.NotFound)
                throw RegistryErrors.ImageNotFound(repository, configDigest);
            Check(repository, Successful(repository, response), configDigest);
            var configuration = Read(repository, response, ManifestJson.Default.ImageConfiguration, "the image configuration");
            if (configuration.Created is { } created)
                labels.TryAdd(IRegistry.CreatedLabel, created);
            Add(configuration.Config?.Labels);
        }

        return labels;

        void Add(Dictionary<string, string?>? more)
        {
            foreach ((var key, var value) in more ?? [])
            {
                if (value is not null)
                    labels[key] = value;
            }
        }
    }

    /// <summary>The first existing image of an index, those for the platforms of the nodes first.</summary>
    private async Task<ImageManifest?> ReadFirstImageAsync(
        ImageRepository repository,
        ImageManifest index,
        CancellationToken cancellationToken
    )
    {
        foreach (var image in index.Images().OrderBy(i => i.IsFor(options.Platforms) ? 0 : 1).Take(MaxPlatforms))
        {
            var digest = DigestIn(repository, image);
            if (await GetManifestAsync(repository, digest, RegistryAccess.Pull, cancellationToken) is { } found)
                return Checked(repository, found, digest);
        }

        return null;
    }

    public Task RequireCompleteAsync(ImageRepository repository, string digest, CancellationToken cancellationToken) =>
        RequireCompleteAsync(repository, digest, digest, 0, cancellationToken);

    private async Task RequireCompleteAsync(
        ImageRepository repository,
        string rootDigest,
        string digest,
        int depth,
        CancellationToken cancellationToken
    )
    {
        var response =
            await GetManifestAsync(repository, digest, RegistryAccess.Pull, cancellationToken)
            ?? throw RegistryErrors.ImageNotFound(repository, digest);
        var index = Checked(repository, response, digest);
        if (!ImageManifest.IsIndex(response.ContentType ?? ""))
        {
            RequireImage(repository, digest, index);
            return;
        }

        List<ManifestDescriptor> images = [.. index.Images().DistinctBy(i => i.Digest)];
        if (images.Count == 0 || depth == MaxDepth)
            throw RegistryErrors.NotAnImage(repository, rootDigest, "its index refers to no image for any platform");
        // Images for other platforms may be missing, because mirrors omit them. If there is none for the configured platforms, one must
        // exist.
        var pulled = images.FindAll(i => i.IsFor(options.Platforms));
        var required = pulled.Count > 0 ? pulled : [.. images.Take(MaxPlatforms)];
        if (required.Count > MaxPlatforms)
            throw RegistryErrors.Invalid(repository, $"an index with more than {MaxPlatforms} images.");
        string? missing = null;
        foreach (var image in required)
        {
            var child = DigestIn(repository, image);
            if (!await ExistsAsync(repository, child, cancellationToken))
            {
                missing ??= child;
                if (pulled.Count > 0)
                    break;
                continue;
            }

            if (ImageManifest.IsIndex(image.MediaType ?? ""))
                await RequireCompleteAsync(repository, rootDigest, child, depth + 1, cancellationToken);
            if (pulled.Count == 0)
                return;
        }

        if (missing is not null)
            throw RegistryErrors.ImageIncomplete(repository, rootDigest, missing);
    }

    private async Task<bool> ExistsAsync(ImageRepository repository, string digest, CancellationToken cancellationToken)
    {
        if (!_headUnsupported)
        {
            if (await HeadAsync(repository, digest, RegistryAccess.Pull, cancellationToken) is { IsSuccess: true })
                return true;
        }

        return await GetManifestAsync(repository, digest, RegistryAccess.Pull, cancellationToken) is not null;
    }

    public async Task<TagMove> AddTagAsync(ImageRepository repository, string version, string tag, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(version);
        if (!ImageReference.IsTag(version) && !ImageReference.IsDigest(version))
            throw RegistryErrors.TagInvalid(repository, version);
        var former = (await FindTagAsync(repository, tag, RegistryAccess.Push, cancellationToken))?.Digest;
        var manifest =
            await GetManifestAsync(repository, version, RegistryAccess.Push, cancellationToken)
            ?? throw RegistryErrors.VersionNotFound(repository, version);
        var digest = CheckedDigest(repository, manifest, version);
        if (digest == former)
            return new TagMove(repository, tag, version, digest, former, AlreadyThere: true);

        var put = await transport.SendAsync(
            new RegistryRequest(HttpMethod.Put, Address(repository, $"manifests/{tag}"), repository, RegistryAccess.Push)
            {
                Body = manifest.Body,
                ContentType = manifest.ContentType,
            },
            cancellationToken
        );
        if (!put.IsSuccess)
            throw RegistryErrors.Refused(
                repository,
                $"to point the tag '{tag}' at '{version}'",
                (int)put.Status,
                RegistryErrorBody.MessageOf(put),
                RegistryErrorBody.CodeOf(put)
            );
        if (ImageReference.IsDigest(put.ContentDigest) && put.ContentDigest is string stored && stored != digest)
            throw RegistryErrors.Invalid(repository, $"it stored '{tag}' as {put.Show(stored)} instead of {digest}.");
        return new TagMove(repository, tag, version, digest, former, AlreadyThere: false);
    }

    public async Task RemoveTagAsync(ImageRepository repository, string tag, bool force, CancellationToken cancellationToken)
    {
        CheckTag(repository, tag);
        var response = await transport.SendAsync(
            new RegistryRequest(HttpMethod.Delete, Address(repository, $"manifests/{tag}"), repository, RegistryAccess.Delete),
            cancellationToken
        );
        if (response.IsSuccess)
            return;
        var code = RegistryErrorBody.CodeOf(response);
        throw response.Status switch
        {
            HttpStatusCode.NotFound when code == "NAME_UNKNOWN" => RegistryErrors.RepositoryNotFound(repository),
            HttpStatusCode.NotFound => RegistryErrors.TagNotFound(repository, tag),
            // Older registries only delete by digest or not at all.
            HttpStatusCode.MethodNotAllowed => RegistryErrors.TagRemovalUnsupported(repository, tag),
            HttpStatusCode.BadRequest when code is "UNSUPPORTED" or "DIGEST_INVALID" => RegistryErrors.TagRemovalUnsupported(
                repository,
                tag
            ),
            _ => RegistryErrors.Refused(
                repository,
                $"to delete the tag '{tag}'",
                (int)response.Status,
                RegistryErrorBody.MessageOf(response),
                code
            ),
        };
    }

    /// <remarks>One HEAD; if the server does not support it or omits headers, a GET.</remarks>
    private async Task<TagDigest?> FindTagAsync(
        ImageRepository repository,
        string tag,
        RegistryAccess access,
        CancellationToken cancellationToken
    )
    {
        CheckTag(repository, tag);
        if (!_headUnsupported)
        {
            var response = await HeadAsync(repository, tag, access, cancellationToken);
            if (
                response is { IsSuccess: true }
                && ImageManifest.MediaTypes.Contains(response.ContentType ?? "")
                && ImageReference.IsDigest(response.ContentDigest)
            )
                return new TagDigest(response.ContentDigest, IsIndex: ImageManifest.IsIndex(response.ContentType!));
        }

        return await GetManifestAsync(repository, tag, access, cancellationToken) is RegistryResponse read
            ? new TagDigest(CheckedDigest(repository, read, tag), IsIndex: ImageManifest.IsIndex(read.ContentType ?? ""))
            : null;
    }

    /// <summary>Null if HEAD is denied: GET may be allowed, or its error response has a message.</summary>
    private async Task<RegistryResponse?> HeadAsync(
        ImageRepository repository,
        string reference,
        RegistryAccess access,
        CancellationToken cancellationToken
    )
    {
        RegistryResponse response;
        try
        {
            response = await transport.SendAsync(
                new RegistryRequest(HttpMethod.Head, Address(repository, $"manifests/{reference}"), repository, access)
                {
                    Accept = ImageManifest.MediaTypes,
                },
                cancellationToken
            );
        }
        catch (CvException e) when (e.Kind == CvErrorKind.Forbidden)
        {
            return null;
        }

        // Do not try HEAD again.
        _headUnsupported |= response.Status is HttpStatusCode.MethodNotAllowed or HttpStatusCode.NotImplemented;
        return response;
    }

    private static void RequireImage(ImageRepository repository, string digest, ImageManifest manifest)
    {
        if (manifest.Config is { } config && !ImageManifest.IsImage(config.MediaType))
            throw RegistryErrors.NoImageConfiguration(repository, digest, config.MediaType);
    }

    private async Task<ImageManifest> ReadManifestAsync(ImageRepository repository, string digest, CancellationToken cancellationToken)
    {
        var response =
            await GetManifestAsync(repository, digest, RegistryAccess.Pull, cancellationToken)
            ?? throw RegistryErrors.ImageNotFound(repository, digest);
        return Checked(repository, response, digest);
    }

    private static ImageManifest Checked(ImageRepository repository, RegistryResponse response, string digest)
    {
        CheckedDigest(repository, response, digest);
        return Read(repository, response, ManifestJson.Default.ImageManifest, "a manifest");
    }

    private async Task<RegistryResponse?> GetManifestAsync(
        ImageRepository repository,
        string reference,
        RegistryAccess access,
        CancellationToken cancellationToken
    )
    {
        var response = await transport.SendAsync(
            new RegistryRequest(HttpMethod.Get, Address(repository, $"manifests/{reference}"), repository, access)
            {
                Accept = ImageManifest.MediaTypes,
                What = "a manifest",
                Limit = ManifestLimit,
            },
            cancellationToken
        );
        if (response.Status == HttpStatusCode.NotFound)
            return RegistryErrorBody.CodeOf(response) == "NAME_UNKNOWN" ? throw RegistryErrors.RepositoryNotFound(repository) : null;
        // An error with a code is about this manifest; others come from a proxy or from a server that is not a registry.
        if (!response.IsSuccess && RegistryErrorBody.CodeOf(response) is { } code)
            throw RegistryErrors.ManifestUnreadable(
                repository,
                reference,
                $"HTTP status {(int)response.Status}, {RegistryErrorBody.MessageOf(response) ?? response.Show(code)}."
            );
        return Typed(repository, Successful(repository, response), reference);
    }

    /// <summary>A manifest with its type, which is read from the manifest if the server sends a generic content type.</summary>
    private static RegistryResponse Typed(ImageRepository repository, RegistryResponse response, string reference)
    {
        if (ImageManifest.MediaTypes.Contains(response.ContentType ?? ""))
        {
            Read(repository, response, ManifestJson.Default.ImageManifest, "a manifest");
            return response;
        }

        var isGeneric =
            response.ContentType is null or "application/json" or "text/plain" or "application/octet-stream" or "binary/octet-stream";
        var type =
            (isGeneric ? Read(repository, response, ManifestJson.Default.ImageManifest, "a manifest").MediaType : null)
            ?? response.ContentType;
        if (type is not null && ImageManifest.MediaTypes.Contains(type))
            return response with { ContentType = type };
        if (ImageManifest.IsSchemaVersion1(type))
            throw RegistryErrors.SchemaVersion1(repository, reference);
        throw ImageManifest.IsManifest(type)
            ? RegistryErrors.NotAnImage(repository, reference, $"its manifest has type '{response.Show(type)}'")
            : RegistryErrors.Invalid(repository, $"a manifest with type '{response.Show(type)}'.");
    }

    /// <summary>The digest of the body, verified against the requested digest and the header.</summary>
    private static string CheckedDigest(ImageRepository repository, RegistryResponse response, string reference)
    {
        // An invalid digest header is ignored.
        var claimed =
            ImageReference.IsDigest(reference) ? reference
            : ImageReference.IsDigest(response.ContentDigest) ? response.ContentDigest
            : null;
        var digest = ImageManifest.DigestOf(response.Body, claimed ?? "sha256:");
        if (claimed is not null)
            Check(repository, response, claimed);
        return digest;
    }

    private static void Check(ImageRepository repository, RegistryResponse response, string digest)
    {
        var actual = ImageManifest.DigestOf(response.Body, digest);
        if (actual != digest)
            throw RegistryErrors.Invalid(repository, $"content of {digest} has digest {actual}.");
    }

    private static RegistryResponse Successful(ImageRepository repository, RegistryResponse response) =>
        response.IsSuccess
            ? response
            : throw RegistryErrors.Invalid(repository, $"{response.Uri.Authority} returned HTTP status {(int)response.Status}.");

    private static T Read<T>(ImageRepository repository, RegistryResponse response, JsonTypeInfo<T> type, string what)
        where T : class
    {
        try
        {
            return JsonSerializer.Deserialize(response.Body, type) ?? throw RegistryErrors.Invalid(repository, $"{what} is empty.");
        }
        catch (JsonException)
        {
            // Without the exception, which quotes the body.
            throw RegistryErrors.Invalid(
                repository,
                $"{what} is not valid JSON (content type: {response.Show(response.ContentType ?? "none")})."
            );
        }
    }

    private static string DigestIn(ImageRepository repository, ManifestDescriptor descriptor) =>
        ImageReference.IsDigest(descriptor.Digest)
            ? descriptor.Digest
            : throw RegistryErrors.Invalid(repository, "a manifest contains an invalid digest.");

    private static Uri? NextPage(ImageRepository repository, RegistryResponse response, Uri first)
    {
        try
        {
            if (LinkHeader.Next(response.Links) is not string next)
                return null;
            if (!Uri.TryCreate(response.Uri, next, out var uri))
                throw new FormatException("invalid URL");
            return
                RegistryAddress.SameServer(uri, first)
                && uri.UserInfo.Length == 0
                && uri.AbsolutePath.StartsWith("/v2/", StringComparison.Ordinal)
                ? uri
                : throw RegistryErrors.Invalid(
                    repository,
                    $"link to the next page of tags at another server ({response.Show($"{uri.Scheme}://{uri.Authority}")}) not allowed."
                );
        }
        catch (FormatException)
        {
            throw RegistryErrors.Invalid(repository, "invalid link to the next page of tags.");
        }
    }

    private static void CheckTag(ImageRepository repository, string tag)
    {
        if (!ImageReference.IsTag(tag))
            throw RegistryErrors.TagInvalid(repository, tag);
    }

    private Uri Address(ImageRepository repository, string rest) =>
        new(RegistryAddress.Of(repository, options), $"{repository.Path}/{rest}");
}
