using System.Globalization;
using System.Net.Http.Headers;
using CvManager.Sandbox.Http;

namespace CvManager.Sandbox.Registry;

/// <summary>Handles blobs and their uploads: <c>/v2/&lt;name&gt;/blobs/…</c>.</summary>
internal sealed class BlobRequests(RegistryContent content, UploadSessions uploads, RegistryDeletion deletion)
{
    public RegistryResponse Handle(RegistryRequest request, RegistryTarget target)
    {
        if (!ContentNames.IsDigest(target.Reference))
            throw RegistryError.DigestInvalid(target.Reference);
        switch (request.Method)
        {
            case "GET" or "HEAD":
                return content.TryGetBlob(target.Repository, target.Reference, out var blob)
                    ? Get(request, target.Reference, blob)
                    : throw RegistryError.BlobUnknown(target.Reference);
            case "DELETE" when deletion != RegistryDeletion.None:
                return content.RemoveBlob(target.Repository, target.Reference)
                    ? new RegistryResponse(202)
                    : throw RegistryError.BlobUnknown(target.Reference);
            default:
                throw RegistryError.Unsupported();
        }
    }

    public async ValueTask<RegistryResponse> UploadAsync(
        RegistryRequest request,
        RegistryTarget target,
        QueryParameters query,
        CancellationToken cancellationToken
    )
    {
        if (target.Reference.Length == 0)
        {
            return request.Method == "POST"
                ? await BeginAsync(request, target, query, cancellationToken)
                : throw RegistryError.Unsupported();
        }
        var upload = uploads.Find(target.Repository, target.Reference);
        switch (request.Method)
        {
            case "GET":
                return Progress(request, upload, 204);
            case "DELETE":
                uploads.Discard(upload);
                return new RegistryResponse(204);
            case "PATCH" or "PUT" when RangeStart(request) is long start && start != upload.Bytes.Length:
                return Progress(request, upload, 416);
            case "PATCH":
                await uploads.AppendAsync(upload, request.Body, cancellationToken);
                return Progress(request, upload, 202);
            case "PUT":
                await uploads.AppendAsync(upload, request.Body, cancellationToken);
                return Finish(request, upload, query["digest"]);
            default:
                throw RegistryError.Unsupported();
        }
    }

    private async ValueTask<RegistryResponse> BeginAsync(
        RegistryRequest request,
        RegistryTarget target,
        QueryParameters query,
        CancellationToken cancellationToken
    )
    {
        var mount = query["mount"];
        // A failed mount starts an ordinary upload ("Mounting a blob from another repository").
        if (mount.Length > 0 && content.MountBlob(target.Repository, mount, query["from"]))
            return Created(request, target.Repository, mount);
        var upload = uploads.Begin(target.Repository);
        if (!query.Has("digest"))
            return Progress(request, upload, 202);
        try
        {
            await uploads.AppendAsync(upload, request.Body, cancellationToken);
        }
        catch
        {
            // The client did not get the upload's location, so it cannot resume it.
            uploads.Discard(upload);
            throw;
        }
        return Finish(request, upload, query["digest"]);
    }

    private RegistryResponse Finish(RegistryRequest request, UploadSessions.Upload upload, string digest)
    {
        uploads.Finish(upload, digest);
        return Created(request, upload.Repository, digest);
    }

    private static RegistryResponse Created(RegistryRequest request, string repository, string digest) =>
        new RegistryResponse(201)
            .With("Location", $"{request.Origin}/v2/{repository}/blobs/{digest}")
            .With("Docker-Content-Digest", digest);

    /// <summary>The location of an upload, and the bytes received so far.</summary>
    private static RegistryResponse Progress(RegistryRequest request, UploadSessions.Upload upload, int status) =>
        new RegistryResponse(status)
            .With("Location", $"{request.Origin}/v2/{upload.Repository}/blobs/uploads/{upload.Id}")
            .With("Range", $"0-{Math.Max(0, upload.Bytes.Length - 1)}")
            .With("Docker-Upload-UUID", upload.Id);

    /// <summary>The start of Content-Range, which is <c>start-end</c> without a unit here; null if the header is missing.</summary>
    private static long? RangeStart(RegistryRequest request)
    {
        if (request.Header("Content-Range") is not { Length: > 0 } range)
            return null;
        return long.TryParse(range.Split('-')[0], NumberStyles.None, CultureInfo.InvariantCulture, out var start)
            ? start
            : throw new RegistryError(400, "BLOB_UPLOAD_INVALID", "Content-Range must be start-end") { Detail = range };
    }

    private static RegistryResponse Get(RegistryRequest request, string digest, ReadOnlyMemory<byte> blob)
    {
        var response = new RegistryResponse(200) { Body = blob, ContentType = "application/octet-stream" };
        if (
            request.Method == "GET"
            && request.Header("Range") is { } text
            && RangeHeaderValue.TryParse(text, out var ranges)
            && ranges is { Unit: "bytes", Ranges.Count: 1 }
        )
        {
            var range = ranges.Ranges.First();
            var start = range.From ?? Math.Max(0, blob.Length - range.To!.Value);
            var end = range.From is null ? blob.Length - 1 : Math.Min(range.To ?? long.MaxValue, blob.Length - 1);
            if (start > end)
                return new RegistryResponse(416).With("Content-Range", $"bytes */{blob.Length}");
            response = (response with { Status = 206, Body = blob[(int)start..(int)(end + 1)] }).With(
                "Content-Range",
                $"bytes {start}-{end}/{blob.Length}"
            );
        }
        return response.With("Docker-Content-Digest", digest).With("Accept-Ranges", "bytes").With("ETag", $"\"{digest}\"");
    }
}
