namespace CvManager.Sandbox.Registry;

/// <summary>Handles GET, HEAD, PUT and DELETE of <c>/v2/&lt;name&gt;/manifests/&lt;reference&gt;</c>.</summary>
internal sealed class ManifestRequests(RegistryContent content, RegistryDeletion deletion)
{
    public async ValueTask<RegistryResponse> HandleAsync(
        RegistryRequest request,
        RegistryTarget target,
        CancellationToken cancellationToken
    )
    {
        var byDigest = target.Reference.Contains(':', StringComparison.Ordinal);
        if (byDigest && !ContentNames.IsDigest(target.Reference))
            throw RegistryError.DigestInvalid(target.Reference);
        if (!byDigest && !ContentNames.IsTag(target.Reference))
            throw RegistryError.TagInvalid(target.Reference);
        return request.Method switch
        {
            "GET" or "HEAD" => Get(request, target),
            "PUT" => await PutAsync(request, target, byDigest, cancellationToken),
            "DELETE" => Delete(target, byDigest),
            _ => throw RegistryError.Unsupported(),
        };
    }

    /// <summary>
    /// Returns the manifest as it was pushed and ignores the Accept header: manifests are never converted, and HttpListener keeps only the
    /// last of repeated Accept headers, which skopeo sends.
    /// </summary>
    private RegistryResponse Get(RegistryRequest request, RegistryTarget target)
    {
        var manifest = content.Manifest(target.Repository, target.Reference);
        var etag = $"\"{manifest.Digest}\"";
        var response =
            request.Header("If-None-Match") is { } known && known.Contains(etag, StringComparison.Ordinal)
                ? new RegistryResponse(304)
                : new RegistryResponse(200) { Body = manifest.Content, ContentType = manifest.MediaType };
        return response.With("Docker-Content-Digest", manifest.Digest).With("ETag", etag);
    }

    private async ValueTask<RegistryResponse> PutAsync(
        RegistryRequest request,
        RegistryTarget target,
        bool byDigest,
        CancellationToken cancellationToken
    )
    {
        var body = await ReadAsync(request.Body, cancellationToken);
        if (byDigest && !ContentNames.Matches(target.Reference, body))
            throw RegistryError.DigestInvalid(target.Reference);
        var manifest = Manifest.Parse(body, request.Header("Content-Type") ?? "", byDigest ? target.Reference : null);
        content.AddManifest(target.Repository, manifest, byDigest ? null : target.Reference);
        var response = new RegistryResponse(201)
            .With("Location", $"{request.Origin}/v2/{target.Repository}/manifests/{manifest.Digest}")
            .With("Docker-Content-Digest", manifest.Digest);
        return manifest.Subject is null ? response : response.With("OCI-Subject", manifest.Subject);
    }

    private RegistryResponse Delete(RegistryTarget target, bool byDigest)
    {
        if (deletion == RegistryDeletion.None || (!byDigest && deletion == RegistryDeletion.DigestsOnly))
            throw RegistryError.Unsupported();
        if (byDigest)
            content.RemoveManifest(target.Repository, target.Reference);
        else
            content.RemoveTag(target.Repository, target.Reference);
        return new RegistryResponse(202);
    }

    private static async ValueTask<byte[]> ReadAsync(Stream body, CancellationToken cancellationToken)
    {
        using var buffer = new MemoryStream();
        var chunk = new byte[16 * 1024];
        int read;
        while ((read = await body.ReadAsync(chunk, cancellationToken)) > 0)
        {
            if (buffer.Length + read > Manifest.SizeLimit)
                throw RegistryError.TooLarge(Manifest.SizeLimit);
            buffer.Write(chunk, 0, read);
        }
        return buffer.ToArray();
    }
}
