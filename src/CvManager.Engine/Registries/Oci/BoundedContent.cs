namespace CvManager.Registries.Oci;

internal static class BoundedContent
{
    /// <summary>Reads a complete body, up to a maximum size.</summary>
    /// <returns>Null if it is larger than <paramref name="limit"/> bytes.</returns>
    public static async Task<byte[]?> ReadAsync(HttpContent content, int limit, CancellationToken cancellationToken)
    {
        if (content.Headers.ContentLength > limit)
            return null;
        var body = await ReadStartAsync(content, limit + 1, cancellationToken);
        return body.Length > limit ? null : body;
    }

    /// <summary>Reads the beginning of a body, up to <paramref name="limit"/> bytes.</summary>
    public static async Task<byte[]> ReadStartAsync(HttpContent content, int limit, CancellationToken cancellationToken)
    {
        var stream = await content.ReadAsStreamAsync(cancellationToken);
        await using (stream)
        {
            using var body = new MemoryStream();
            var buffer = new byte[16 * 1024];
            while (body.Length < limit)
            {
                var read = await stream.ReadAsync(buffer.AsMemory(0, (int)Math.Min(buffer.Length, limit - body.Length)), cancellationToken);
                if (read == 0)
                    break;
                body.Write(buffer, 0, read);
            }

            return body.ToArray();
        }
    }
}
