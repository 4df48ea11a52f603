namespace CvManager.Registries.Oci;

internal static class BoundedContent
{
    /// <summary>Reads a complete body, up to a maximum size.</summary>
    /// <returns>Null if it is larger than <paramref name="limit"/> bytes.</returns>
    public static async Task<byte[]?> ReadAsync(HttpContent content, int limit, CancellationToken cancellationToken)
    {
        if (content.Headers.ContentLength > limit)
            return null;
        byte[] body = await ReadStartAsync(content, limit + 1, cancellationToken).ConfigureAwait(false);
        return body.Length > limit ? null : body;
    }

    /// <summary>Reads the beginning of a body, up to <paramref name="limit"/> bytes.</summary>
    public static async Task<byte[]> ReadStartAsync(HttpContent content, int limit, CancellationToken cancellationToken)
    {
        Stream stream = await content.ReadAsStreamAsync(cancellationToken).ConfigureAwait(false);
        await using (stream.ConfigureAwait(false))
        {
            using var body = new MemoryStream();
            byte[] buffer = new byte[16 * 1024];
            while (body.Length < limit)
            {
                int read = await stream.ReadAsync(buffer.AsMemory(0, (int)Math.Min(buffer.Length, limit - body.Length)), cancellationToken).ConfigureAwait(false);
                if (read == 0)
                    break;
                body.Write(buffer, 0, read);
            }

            return body.ToArray();
        }
    }
}
