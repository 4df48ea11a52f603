using System.Net;
using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace CvManager.Registries.Oci;

/// <summary>A registry that speaks the OCI distribution specification, or Docker's registry API before it.</summary>
internal sealed class OciRegistry(RegistryTransport transport, RegistryClientOptions options) : IRegistry
{
    private const int ManifestLimit = 4 * 1024 * 1024;
    private const int TagPageLimit = 8 * 1024 * 1024;
    private const int TagsPerPage = 1000;
    private const int MostPages = 10_000;
    private const int MostTags = 1_000_000;
    private const int MostEmptyPages = 16;
    private const int MostPlatforms = 100;
    private const long MostListBytes = 128 * 1024 * 1024;

    /// <summary>Servers cut lists at round numbers.</summary>
    private const int RoundPage = 50;

    /// <summary>Of indexes within indexes.</summary>
    private const int MostDepth = 3;

    private volatile bool _headRefused;

    public int TagsPerRequest => 1;

    public Task<TagDigest?> FindTagAsync(ImageRepository repository, string tag, CancellationToken cancellationToken) =>
        FindTagAsync(repository, tag, RegistryAccess.Pull, cancellationToken);

    public async Task<IReadOnlyDictionary<string, TagDigest>> FindTagsAsync(
        ImageRepository repository, IReadOnlyCollection<string> tags, CancellationToken cancellationToken)
    {
        var found = new Dictionary<string, TagDigest>(StringComparer.Ordinal);
        foreach (string tag in tags.Distinct(StringComparer.Ordinal))
        {
            if (await FindTagAsync(repository, tag, cancellationToken).ConfigureAwait(false) is TagDigest digest)
                found.Add(tag, digest);
        }

        return found;
    }

    public async IAsyncEnumerable<RegistryTag> ListTagsAsync(
        ImageRepository repository, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        Uri first = Address(repository, $"tags/list?n={TagsPerPage}");
        Uri? next = first;
        HashSet<string> seen = new(StringComparer.Ordinal);
        HashSet<Uri> visited = [];
        long started = options.TimeProvider.GetTimestamp();
        long bytes = 0;
        int emptyPages = 0;
        bool doubted = false;
        while (next is not null)
        {
            if (!visited.Add(next) || visited.Count > MostPages)
                throw RegistryErrors.Invalid(repository, "the pages of its tag list repeat or are too many.");
            if (options.TimeProvider.GetElapsedTime(started) > options.ListTimeout)
                throw RegistryErrors.ListTimedOut(repository, options.ListTimeout);
            RegistryResponse response = await ReadPageAsync(repository, next, cancellationToken).ConfigureAwait(false);
            bytes += response.Body.Length + next.OriginalString.Length;
            if (bytes > MostListBytes)
                throw RegistryErrors.TooLarge(repository, "a tag list", MostListBytes);
            List<string?> tags = Read(repository, response, ManifestJson.Default.TagList, "the tag list").Tags ?? [];
            next = NextPage(repository, response, first);
            int before = seen.Count;
            foreach (string? tag in tags)
            {
                // What is no tag cannot be asked for either.
                if (ImageReference.IsTag(tag) && seen.Add(tag))
                    yield return new RegistryTag(tag, null);
            }

            if (seen.Count > MostTags)
                throw RegistryErrors.Invalid(repository, $"more than {MostTags} tags in one repository.");
            emptyPages = seen.Count > before ? 0 : emptyPages + 1;
            if (next is not null && (emptyPages > MostEmptyPages || (tags.Count > 0 && seen.Count == before)))
                throw RegistryErrors.Invalid(repository, "the pages of its tag list repeat.");
            // A full page without a link: some servers cut the list and do not say so. One that repeats the page has no more.
            if (next is null && !(doubted && seen.Count == before) && tags.Count > 0 && tags.Count % RoundPage == 0 && tags[^1] is { } last && ImageReference.IsTag(last))
            {
                doubted = true;
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
                new RegistryRequest(HttpMethod.Get, page, repository, RegistryAccess.Pull) { What = "a page of tags", Limit = TagPageLimit, Accept = ["application/json"] },
                cancellationToken).ConfigureAwait(false);
        }
        catch (CvException e) when (e.Kind is CvErrorKind.Forbidden or CvErrorKind.Unauthenticated)
        {
            throw RegistryErrors.ListDenied(repository, e);
        }

        return response.Status switch
        {
            HttpStatusCode.NotFound => throw RegistryErrors.RepositoryNotFound(repository, ErrorAnswer.MessageOf(response)),
            HttpStatusCode.MethodNotAllowed or HttpStatusCode.NotImplemented => throw RegistryErrors.ListUnsupported(repository, ErrorAnswer.MessageOf(response)),
            _ => Successful(repository, response),
        };
    }

    public async Task<IReadOnlyDictionary<string, string>> ReadLabelsAsync(
        ImageRepository repository, string digest, CancellationToken cancellationToken)
    {
        var labels = new Dictionary<string, string>(StringComparer.Ordinal);
        ImageManifest? manifest = await ReadManifestAsync(repository, digest, cancellationToken).ConfigureAwait(false);
        for (int depth = 0; manifest?.Manifests is not null && depth < MostDepth; depth++)
        {
            Add(manifest.Annotations);
            manifest = await ReadFirstImageAsync(repository, manifest, cancellationToken).ConfigureAwait(false);
        }

        if (manifest is null || manifest.Manifests is not null)
            return labels;
        Add(manifest.Annotations);
        if (manifest.Config is { } config)
        {
            RequireImage(repository, digest, manifest);
            string configDigest = DigestIn(repository, config);
            RegistryResponse response = await transport.SendAsync(
                new RegistryRequest(HttpMethod.Get, Address(repository, $"blobs/{configDigest}"), repository, RegistryAccess.Pull)
                    { What = "an image configuration", Limit = ManifestLimit },
                cancellationToken).ConfigureAwait(false);
            if (response.Status == HttpStatusCode.NotFound)
                throw RegistryErrors.ImageNotFound(repository, configDigest);
            Check(repository, Successful(repository, response), configDigest);
            ImageConfiguration configuration = Read(repository, response, ManifestJson.Default.ImageConfiguration, "the image configuration");
            if (configuration.Created is { } created)
                labels.TryAdd(IRegistry.CreatedLabel, created);
            Add(configuration.Config?.Labels);
        }

        return labels;

        void Add(Dictionary<string, string?>? more)
        {
            foreach ((string key, string? value) in more ?? [])
            {
                if (value is not null)
                    labels[key] = value;
            }
        }
    }

    /// <summary>The image of an index that is most likely pulled, of those that are there.</summary>
    private async Task<ImageManifest?> ReadFirstImageAsync(ImageRepository repository, ImageManifest index, CancellationToken cancellationToken)
    {
        foreach (ManifestDescriptor image in index.Images().OrderBy(i => i.IsFor(options.Platforms) ? 0 : 1).Take(MostPlatforms))
        {
            string digest = DigestIn(repository, image);
            if (await GetManifestAsync(repository, digest, RegistryAccess.Pull, cancellationToken).ConfigureAwait(false) is { } found)
                return Checked(repository, found, digest);
        }

        return null;
    }

    public Task RequireWholeAsync(ImageRepository repository, string digest, CancellationToken cancellationToken) =>
        RequireWholeAsync(repository, digest, digest, 0, cancellationToken);

    private async Task RequireWholeAsync(ImageRepository repository, string rootDigest, string digest, int depth, CancellationToken cancellationToken)
    {
        RegistryResponse response = await GetManifestAsync(repository, digest, RegistryAccess.Pull, cancellationToken).ConfigureAwait(false)
            ?? throw RegistryErrors.ImageNotFound(repository, digest);
        ImageManifest index = Checked(repository, response, digest);
        if (!ImageManifest.IsIndex(response.ContentType ?? ""))
        {
            RequireImage(repository, digest, index);
            return;
        }

        List<ManifestDescriptor> images = [.. index.Images().DistinctBy(i => i.Digest)];
        if (images.Count == 0 || depth == MostDepth)
            throw RegistryErrors.NotAnImage(repository, rootDigest, "its index refers to no image for any platform");
        // What no node pulls may be missing: mirrors leave it out. Where there is nothing for the usual nodes, one of the others has to be there.
        List<ManifestDescriptor> pulled = images.FindAll(i => i.IsFor(options.Platforms));
        List<ManifestDescriptor> looked = pulled.Count > 0 ? pulled : [.. images.Take(MostPlatforms)];
        if (looked.Count > MostPlatforms)
            throw RegistryErrors.Invalid(repository, $"an index with more than {MostPlatforms} images.");
        string? missing = null;
        foreach (ManifestDescriptor image in looked)
        {
            string child = DigestIn(repository, image);
            if (!await ExistsAsync(repository, child, cancellationToken).ConfigureAwait(false))
            {
                missing ??= child;
                if (pulled.Count > 0)
                    break;
                continue;
            }

            if (ImageManifest.IsIndex(image.MediaType ?? ""))
                await RequireWholeAsync(repository, rootDigest, child, depth + 1, cancellationToken).ConfigureAwait(false);
            if (pulled.Count == 0)
                return;
        }

        if (missing is not null)
            throw RegistryErrors.ImageIncomplete(repository, rootDigest, missing);
    }

    private async Task<bool> ExistsAsync(ImageRepository repository, string digest, CancellationToken cancellationToken)
    {
        if (!_headRefused)
        {
            if (await HeadAsync(repository, digest, RegistryAccess.Pull, cancellationToken).ConfigureAwait(false) is { IsSuccess: true })
                return true;
        }

        return await GetManifestAsync(repository, digest, RegistryAccess.Pull, cancellationToken).ConfigureAwait(false) is not null;
    }

    public async Task<TagMove> AddTagAsync(ImageRepository repository, string version, string tag, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(version);
        if (!ImageReference.IsTag(version) && !ImageReference.IsDigest(version))
            throw RegistryErrors.TagInvalid(repository, version);
        string? former = (await FindTagAsync(repository, tag, RegistryAccess.Push, cancellationToken).ConfigureAwait(false))?.Digest;
        RegistryResponse manifest = await GetManifestAsync(repository, version, RegistryAccess.Push, cancellationToken).ConfigureAwait(false)
            ?? throw RegistryErrors.VersionNotFound(repository, version);
        string digest = CheckedDigest(repository, manifest, version);
        if (digest == former)
            return new TagMove(repository, tag, version, digest, former, AlreadyThere: true);

        RegistryResponse put = await transport.SendAsync(
            new RegistryRequest(HttpMethod.Put, Address(repository, $"manifests/{tag}"), repository, RegistryAccess.Push)
                { Body = manifest.Body, ContentType = manifest.ContentType },
            cancellationToken).ConfigureAwait(false);
        if (!put.IsSuccess)
            throw RegistryErrors.Refused(repository, $"to point the tag '{tag}' at '{version}'", (int)put.Status, ErrorAnswer.MessageOf(put), ErrorAnswer.CodeOf(put));
        if (ImageReference.IsDigest(put.ContentDigest) && put.ContentDigest is string stored && stored != digest)
            throw RegistryErrors.Invalid(repository, $"it stored '{tag}' as {put.Show(stored)} instead of {digest}.");
        return new TagMove(repository, tag, version, digest, former, AlreadyThere: false);
    }

    public async Task RemoveTagAsync(ImageRepository repository, string tag, bool force, CancellationToken cancellationToken)
    {
        CheckTag(repository, tag);
        RegistryResponse response = await transport.SendAsync(
            new RegistryRequest(HttpMethod.Delete, Address(repository, $"manifests/{tag}"), repository, RegistryAccess.Delete), cancellationToken)
            .ConfigureAwait(false);
        if (response.IsSuccess)
            return;
        string? code = ErrorAnswer.CodeOf(response);
        throw response.Status switch
        {
            HttpStatusCode.NotFound when code == "NAME_UNKNOWN" => RegistryErrors.RepositoryNotFound(repository),
            HttpStatusCode.NotFound => RegistryErrors.TagNotFound(repository, tag),
            // Registries from before deletion by tag want a digest, or nothing to be deleted at all.
            HttpStatusCode.MethodNotAllowed => RegistryErrors.TagRemovalUnsupported(repository, tag),
            HttpStatusCode.BadRequest when code is "UNSUPPORTED" or "DIGEST_INVALID" => RegistryErrors.TagRemovalUnsupported(repository, tag),
            _ => RegistryErrors.Refused(repository, $"to delete the tag '{tag}'", (int)response.Status, ErrorAnswer.MessageOf(response), code),
        };
    }

    /// <remarks>One HEAD. Not every server answers that, or as it should: what it does not say for certain, a GET decides.</remarks>
    private async Task<TagDigest?> FindTagAsync(ImageRepository repository, string tag, RegistryAccess access, CancellationToken cancellationToken)
    {
        CheckTag(repository, tag);
        if (!_headRefused)
        {
            RegistryResponse? response = await HeadAsync(repository, tag, access, cancellationToken).ConfigureAwait(false);
            if (response is { IsSuccess: true } && ImageManifest.MediaTypes.Contains(response.ContentType ?? "") && ImageReference.IsDigest(response.ContentDigest))
                return new TagDigest(response.ContentDigest, IsIndex: ImageManifest.IsIndex(response.ContentType!));
        }

        return await GetManifestAsync(repository, tag, access, cancellationToken).ConfigureAwait(false) is RegistryResponse read
            ? new TagDigest(CheckedDigest(repository, read, tag), IsIndex: ImageManifest.IsIndex(read.ContentType ?? ""))
            : null;
    }

    /// <summary>Null where the server does not allow it: it may allow the GET, whose refusal has a body that says why.</summary>
    private async Task<RegistryResponse?> HeadAsync(ImageRepository repository, string reference, RegistryAccess access, CancellationToken cancellationToken)
    {
        RegistryResponse response;
        try
        {
            response = await transport.SendAsync(
                new RegistryRequest(HttpMethod.Head, Address(repository, $"manifests/{reference}"), repository, access) { Accept = ImageManifest.MediaTypes },
                cancellationToken).ConfigureAwait(false);
        }
        catch (CvException e) when (e.Kind == CvErrorKind.Forbidden)
        {
            return null;
        }

        // Whoever has no HEAD will not have it at the next poll either.
        _headRefused |= response.Status is HttpStatusCode.MethodNotAllowed or HttpStatusCode.NotImplemented;
        return response;
    }

    private static void RequireImage(ImageRepository repository, string digest, ImageManifest manifest)
    {
        if (manifest.Config is { } config && !ImageManifest.IsImage(config.MediaType))
            throw RegistryErrors.NoImageConfiguration(repository, digest, config.MediaType);
    }

    private async Task<ImageManifest> ReadManifestAsync(ImageRepository repository, string digest, CancellationToken cancellationToken)
    {
        RegistryResponse response = await GetManifestAsync(repository, digest, RegistryAccess.Pull, cancellationToken).ConfigureAwait(false)
            ?? throw RegistryErrors.ImageNotFound(repository, digest);
        return Checked(repository, response, digest);
    }

    private static ImageManifest Checked(ImageRepository repository, RegistryResponse response, string digest)
    {
        CheckedDigest(repository, response, digest);
        return Read(repository, response, ManifestJson.Default.ImageManifest, "a manifest");
    }

    private async Task<RegistryResponse?> GetManifestAsync(
        ImageRepository repository, string reference, RegistryAccess access, CancellationToken cancellationToken)
    {
        RegistryResponse response = await transport.SendAsync(
            new RegistryRequest(HttpMethod.Get, Address(repository, $"manifests/{reference}"), repository, access)
                { Accept = ImageManifest.MediaTypes, What = "a manifest", Limit = ManifestLimit },
            cancellationToken).ConfigureAwait(false);
        if (response.Status == HttpStatusCode.NotFound)
            return ErrorAnswer.CodeOf(response) == "NAME_UNKNOWN" ? throw RegistryErrors.RepositoryNotFound(repository) : null;
        // In the registry's own form: it means this manifest. Anything else is a proxy's or no registry's.
        if (!response.IsSuccess && ErrorAnswer.CodeOf(response) is { } code)
            throw RegistryErrors.ManifestUnreadable(
                repository, reference, $"HTTP status {(int)response.Status}, {ErrorAnswer.MessageOf(response) ?? response.Show(code)}.");
        return Typed(repository, Successful(repository, response), reference);
    }

    /// <summary>A manifest with its type, which is also in itself where a server gives all that it stores the same one.</summary>
    private static RegistryResponse Typed(ImageRepository repository, RegistryResponse response, string reference)
    {
        if (ImageManifest.MediaTypes.Contains(response.ContentType ?? ""))
        {
            Read(repository, response, ManifestJson.Default.ImageManifest, "a manifest");
            return response;
        }

        bool unsaid = response.ContentType is null or "application/json" or "text/plain" or "application/octet-stream" or "binary/octet-stream";
        string? type = (unsaid ? Read(repository, response, ManifestJson.Default.ImageManifest, "a manifest").MediaType : null) ?? response.ContentType;
        if (type is not null && ImageManifest.MediaTypes.Contains(type))
            return response with { ContentType = type };
        if (ImageManifest.IsSchemaOne(type))
            throw RegistryErrors.SchemaOne(repository, reference);
        throw ImageManifest.IsManifest(type)
            ? RegistryErrors.NotAnImage(repository, reference, $"its manifest has type '{response.Show(type)}'")
            : RegistryErrors.Invalid(repository, $"a manifest with type '{response.Show(type)}'.");
    }

    /// <summary>The digest of what was read, which is the one asked for and the one that the registry gives for it.</summary>
    private static string CheckedDigest(ImageRepository repository, RegistryResponse response, string reference)
    {
        // A header that is no digest says nothing.
        string? claimed = ImageReference.IsDigest(reference) ? reference : ImageReference.IsDigest(response.ContentDigest) ? response.ContentDigest : null;
        string digest = ImageManifest.DigestOf(response.Body, claimed ?? "sha256:");
        if (claimed is not null)
            Check(repository, response, claimed);
        return digest;
    }

    private static void Check(ImageRepository repository, RegistryResponse response, string digest)
    {
        string actual = ImageManifest.DigestOf(response.Body, digest);
        if (actual != digest)
            throw RegistryErrors.Invalid(repository, $"content of {digest} has digest {actual}.");
    }

    private static RegistryResponse Successful(ImageRepository repository, RegistryResponse response) =>
        response.IsSuccess ? response : throw RegistryErrors.Invalid(repository, $"{response.Uri.Authority} returned HTTP status {(int)response.Status}.");

    private static T Read<T>(ImageRepository repository, RegistryResponse response, JsonTypeInfo<T> type, string what)
        where T : class
    {
        try
        {
            return JsonSerializer.Deserialize(response.Body, type) ?? throw RegistryErrors.Invalid(repository, $"{what} is empty.");
        }
        catch (JsonException)
        {
            // Not the exception: it quotes names of properties.
            throw RegistryErrors.Invalid(repository, $"{what} is not valid JSON (content type: {response.Show(response.ContentType ?? "none")}).");
        }
    }

    private static string DigestIn(ImageRepository repository, ManifestDescriptor descriptor) =>
        ImageReference.IsDigest(descriptor.Digest) ? descriptor.Digest : throw RegistryErrors.Invalid(repository, "a manifest contains an invalid digest.");

    private static Uri? NextPage(ImageRepository repository, RegistryResponse response, Uri first)
    {
        try
        {
            if (LinkHeader.Next(response.Links) is not string next)
                return null;
            if (!Uri.TryCreate(response.Uri, next, out Uri? uri))
                throw new FormatException("invalid URL");
            return RegistryAddress.SameServer(uri, first) && uri.UserInfo.Length == 0 && uri.AbsolutePath.StartsWith("/v2/", StringComparison.Ordinal)
                ? uri
                : throw RegistryErrors.Invalid(
                    repository, $"link to the next page of tags at another server, {response.Show($"{uri.Scheme}://{uri.Authority}")}, not allowed.");
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

    private Uri Address(ImageRepository repository, string rest) => new(RegistryAddress.Of(repository, options), $"{repository.Path}/{rest}");
}
