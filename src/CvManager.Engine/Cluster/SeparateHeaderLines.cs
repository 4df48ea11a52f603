namespace CvManager.Cluster;

/// <summary>
/// Sends several values of a header on separate lines, as impersonation requires for groups. .NET joins them with commas on one line, which
/// the API server reads as a single group. Because .NET rejects line breaks in a value, they are encoded as two control characters that
/// occur neither in headers nor in JSON, and decoded before they are written to the connection.
/// </summary>
internal sealed class SeparateHeaderLines(Stream inner) : Stream
{
    private const char CarriageReturn = '\u0001';
    private const char LineFeed = '\u0002';

    public override bool CanRead => inner.CanRead;

    public override bool CanSeek => false;

    public override bool CanWrite => inner.CanWrite;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public static void Enable(SocketsHttpHandler handler) =>
        handler.PlaintextStreamFilter = (context, _) => ValueTask.FromResult<Stream>(new SeparateHeaderLines(context.PlaintextStream));

    /// <summary>Encodes all values of a header as one value.</summary>
    public static string Join(string name, IEnumerable<string> values) => string.Join($"{CarriageReturn}{LineFeed}{name}: ", values);

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) =>
        await inner.WriteAsync(Decode(buffer.Span), cancellationToken);

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override void Write(byte[] buffer, int offset, int count) => inner.Write(Decode(buffer.AsSpan(offset, count)));

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
        inner.ReadAsync(buffer, cancellationToken);

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        inner.ReadAsync(buffer, offset, count, cancellationToken);

    public override int Read(byte[] buffer, int offset, int count) => inner.Read(buffer, offset, count);

    public override void Flush() => inner.Flush();

    public override Task FlushAsync(CancellationToken cancellationToken) => inner.FlushAsync(cancellationToken);

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override async ValueTask DisposeAsync()
    {
        await inner.DisposeAsync();
        await base.DisposeAsync();
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            inner.Dispose();
        base.Dispose(disposing);
    }

    private static byte[] Decode(ReadOnlySpan<byte> bytes)
    {
        var text = bytes.ToArray();
        text.AsSpan().Replace((byte)CarriageReturn, (byte)'\r');
        text.AsSpan().Replace((byte)LineFeed, (byte)'\n');
        return text;
    }
}
