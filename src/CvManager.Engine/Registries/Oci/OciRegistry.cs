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
        int emptyPages = 0;
        while (next is not null)
        {
            if (!visited.Add(next) || visited.Count > MostPages)
                throw RegistryErrors.Invalid(repository, "its list of tags never ends.");
            RegistryResponse response = await transport.SendAsync(
                new RegistryRequest(HttpMethod.Get, next, repository, RegistryAccess.Pull) { What = "a page of tags", Limit = TagPageLimit, Accept = ["application/json"] },
                cancellationToken).ConfigureAwait(false);
            if (response.Status == HttpStatusCode.NotFound)
                throw RegistryErrors.RepositoryNotFound(repository, ErrorAnswer.MessageOf(response));
            List<string?> tags = Read(repository, Successful(repository, response), ManifestJson.Default.TagList, "the list of tags").Tags ?? [];
            next = NextPage(repository, response, first);
            int before = seen.Count;
            foreach (string? tag in tags)
            {
                // What is no tag cannot be asked for either.
                if (ImageReference.IsTag(tag) && seen.Add(tag))
                    yield return new RegistryTag(tag, null);
            }

            if (seen.Count > MostTags)
                throw RegistryErrors.Invalid(repository, $"it has more than {MostTags} tags in one repository.");
            emptyPages = seen.Count > before ? 0 : emptyPages + 1;
            if (next is not null && (emptyPages > MostEmptyPages || (tags.Count > 0 && seen.Count == before)))
                throw RegistryErrors.Invalid(repository, "its list of tags repeats itself.");
        }
    }

    public async Task<IReadOnlyDictionary<string, string>> ReadLabelsAsync(
        ImageRepository repository, string digest, CancellationToken cancellationToken)
    {
        var labels = new Dictionary<string, string>(StringComparer.Ordinal);
        ImageManifest manifest = await ReadManifestAsync(repository, digest, cancellationToken).ConfigureAwait(false);
        Add(manifest.Annotations);
        if (manifest.Manifests is not null)
        {
            // Children without a platform are attestations and the like.
            ManifestDescriptor? child = manifest.Manifests.FirstOrDefault(m => m?.Platform?.Os is not (null or "" or "unknown"))
                ?? manifest.Manifests.FirstOrDefault(m => m?.MediaType is ImageManifest.OciManifest or ImageManifest.DockerManifest && m.Platform is null);
            if (child is null)
                return labels;
            manifest = await ReadManifestAsync(repository, DigestIn(repository, child), cancellationToken).ConfigureAwait(false);
            Add(manifest.Annotations);
        }

        if (manifest.Config is { MediaType: "application/vnd.oci.image.config.v1+json" or "application/vnd.docker.container.image.v1+json" } config)
        {
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

    public async Task RequireWholeAsync(ImageRepository repository, string indexDigest, CancellationToken cancellationToken)
    {
        ImageManifest index = await ReadManifestAsync(repository, indexDigest, cancellationToken).ConfigureAwait(false);
        if (index.Manifests is { Count: > MostPlatforms })
            throw RegistryErrors.Invalid(repository, $"an index of more than {MostPlatforms} images.");
        foreach (ManifestDescriptor? child in index.Manifests ?? [])
        {
            // Attestations and the like, which no node pulls, are for the platform "unknown".
            if (child is null || child.Platform?.Os == "unknown")
                continue;
            string digest = DigestIn(repository, child);
            RegistryResponse response = await transport.SendAsync(
                new RegistryRequest(HttpMethod.Head, Address(repository, $"manifests/{digest}"), repository, RegistryAccess.Pull) { Accept = ImageManifest.MediaTypes },
                cancellationToken).ConfigureAwait(false);
            if (response.Status == HttpStatusCode.NotFound)
                throw RegistryErrors.ImageIncomplete(repository, indexDigest, digest);
            Successful(repository, response);
        }
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
            throw RegistryErrors.Refused(repository, $"to point the tag '{tag}' at '{version}'", (int)put.Status, ErrorAnswer.MessageOf(put));
        if (put.ContentDigest is string stored && stored != digest)
            throw RegistryErrors.Invalid(repository, $"it stored '{tag}' as {put.Show(stored)} rather than {digest}.");
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
            _ => RegistryErrors.Refused(repository, $"to remove the tag '{tag}'", (int)response.Status, ErrorAnswer.MessageOf(response)),
        };
    }

    private async Task<TagDigest?> FindTagAsync(ImageRepository repository, string tag, RegistryAccess access, CancellationToken cancellationToken)
    {
        CheckTag(repository, tag);
        RegistryResponse response = await transport.SendAsync(
            new RegistryRequest(HttpMethod.Head, Address(repository, $"manifests/{tag}"), repository, access) { Accept = ImageManifest.MediaTypes },
            cancellationToken).ConfigureAwait(false);
        if (response.Status == HttpStatusCode.NotFound)
            return null;
        CheckType(repository, Successful(repository, response));
        if (response.ContentDigest is null)
        {
            // The specification only recommends the header.
            return await GetManifestAsync(repository, tag, access, cancellationToken).ConfigureAwait(false) is RegistryResponse read
                ? new TagDigest(CheckedDigest(repository, read, tag), IsIndex: ImageManifest.IsIndex(read.ContentType ?? ""))
                : null;
        }

        return ImageReference.IsDigest(response.ContentDigest)
            ? new TagDigest(response.ContentDigest, IsIndex: ImageManifest.IsIndex(response.ContentType ?? ""))
            : throw RegistryErrors.Invalid(repository, "what it gives as a digest is none.");
    }

    private async Task<ImageManifest> ReadManifestAsync(ImageRepository repository, string digest, CancellationToken cancellationToken)
    {
        RegistryResponse response = await GetManifestAsync(repository, digest, RegistryAccess.Pull, cancellationToken).ConfigureAwait(false)
            ?? throw RegistryErrors.ImageNotFound(repository, digest);
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
        CheckType(repository, Successful(repository, response));
        Read(repository, response, ManifestJson.Default.ImageManifest, "a manifest");
        return response;
    }

    /// <summary>The digest of what was read, which is the one asked for and the one that the registry gives for it.</summary>
    private static string CheckedDigest(ImageRepository repository, RegistryResponse response, string reference)
    {
        string? claimed = ImageReference.IsDigest(reference) ? reference : response.ContentDigest;
        string digest = ImageManifest.DigestOf(response.Body, claimed ?? "sha256:");
        if (claimed is not null)
            Check(repository, response, claimed);
        return digest;
    }

    private static void Check(ImageRepository repository, RegistryResponse response, string digest)
    {
        string actual = ImageManifest.DigestOf(response.Body, digest);
        if (actual != digest)
            throw RegistryErrors.Invalid(repository, $"what it sends as {digest} is {actual}.");
    }

    private static void CheckType(ImageRepository repository, RegistryResponse response)
    {
        if (response.ContentType is not string type || !ImageManifest.MediaTypes.Contains(type))
            throw RegistryErrors.Invalid(repository, $"a manifest of the type '{response.Show(response.ContentType)}'.");
    }

    private static RegistryResponse Successful(ImageRepository repository, RegistryResponse response) =>
        response.IsSuccess ? response : throw RegistryErrors.Invalid(repository, $"{response.Uri.Authority} answers {(int)response.Status}.");

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
            throw RegistryErrors.Invalid(repository, $"{what} is no JSON of that form ({response.Show(response.ContentType ?? "no type")}).");
        }
    }

    private static string DigestIn(ImageRepository repository, ManifestDescriptor descriptor) =>
        ImageReference.IsDigest(descriptor.Digest) ? descriptor.Digest : throw RegistryErrors.Invalid(repository, "a manifest names a digest that is none.");

    private static Uri? NextPage(ImageRepository repository, RegistryResponse response, Uri first)
    {
        try
        {
            if (LinkHeader.Next(response.Link) is not string next)
                return null;
            Uri uri = new(response.Uri, next);
            return Uri.Compare(uri, first, UriComponents.SchemeAndServer, UriFormat.Unescaped, StringComparison.OrdinalIgnoreCase) == 0
                ? uri
                : throw RegistryErrors.Invalid(repository, $"its list of tags goes on at {response.Show(uri.Authority)}.");
        }
        catch (FormatException)
        {
            throw RegistryErrors.Invalid(repository, "the link to the next page of its tags cannot be read.");
        }
    }

    private static void CheckTag(ImageRepository repository, string tag)
    {
        if (!ImageReference.IsTag(tag))
            throw RegistryErrors.TagInvalid(repository, tag);
    }

    private Uri Address(ImageRepository repository, string rest) => new(RegistryAddress.Of(repository, options), $"{repository.Path}/{rest}");
}
