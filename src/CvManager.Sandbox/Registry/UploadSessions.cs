using System.Collections.Concurrent;

namespace CvManager.Sandbox.Registry;

/// <summary>The blob uploads in progress. Thread-safe, but each upload accepts one request at a time.</summary>
internal sealed class UploadSessions(RegistryContent content, long blobLimit, TimeProvider time)
{
    /// <summary>Idle uploads are discarded after this time, because their bytes count towards the limit.</summary>
    private static readonly TimeSpan AbandonedAfter = TimeSpan.FromHours(1);

    private readonly ConcurrentDictionary<string, Upload> _uploads = new();

    public Upload Begin(string repository)
    {
        foreach (var old in _uploads.Values.Where(u => time.GetUtcNow() - u.LastUse > AbandonedAfter))
            Discard(old);
        var upload = new Upload(Guid.NewGuid().ToString(), repository) { LastUse = time.GetUtcNow() };
        _uploads[upload.Id] = upload;
        return upload;
    }

    /// <exception cref="RegistryError">BLOB_UPLOAD_UNKNOWN.</exception>
    public Upload Find(string repository, string id)
    {
        if (!_uploads.TryGetValue(id, out var upload) || upload.Repository != repository)
            throw RegistryError.UploadUnknown(id);
        upload.LastUse = time.GetUtcNow();
        return upload;
    }

    /// <summary>Appends the request body.</summary>
    /// <exception cref="RegistryError">SIZE_INVALID: a limit is exceeded. Bytes received before are kept; the rest is not read.</exception>
    public async ValueTask AppendAsync(Upload upload, Stream body, CancellationToken cancellationToken)
    {
        var chunk = new byte[64 * 1024];
        int read;
        while ((read = await body.ReadAsync(chunk, cancellationToken)) > 0)
        {
            if (upload.Bytes.Length + read > blobLimit)
                throw RegistryError.TooLarge(blobLimit);
            content.Reserve(read);
            upload.Bytes.Write(chunk, 0, read);
        }
    }

    /// <summary>Stores the upload as a blob. The upload ends even if the digest does not match.</summary>
    /// <exception cref="RegistryError">DIGEST_INVALID.</exception>
    public void Finish(Upload upload, string digest)
    {
        var bytes = new ReadOnlyMemory<byte>(upload.Bytes.GetBuffer(), 0, (int)upload.Bytes.Length);
        if (!ContentNames.IsDigest(digest) || !ContentNames.Matches(digest, bytes.Span))
        {
            Discard(upload);
            throw RegistryError.DigestInvalid(digest);
        }
        if (_uploads.TryRemove(upload.Id, out _))
            content.AddBlob(upload.Repository, digest, bytes);
    }

    public void Discard(Upload upload)
    {
        if (_uploads.TryRemove(upload.Id, out _))
            content.Release(upload.Bytes.Length);
    }

    internal sealed class Upload(string id, string repository)
    {
        public string Id { get; } = id;

        public string Repository { get; } = repository;

        public MemoryStream Bytes { get; } = new();

        public DateTimeOffset LastUse { get; set; }
    }
}
