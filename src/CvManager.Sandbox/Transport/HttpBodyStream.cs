using System.Globalization;

namespace CvManager.Sandbox.Transport;

/// <summary>The body of one request, with Content-Length or chunked. Read-only; asynchronous reads only.</summary>
internal sealed class HttpBodyStream : Stream
{
    private readonly HttpLineReader _reader;
    private readonly bool _chunked;
    private long _left;

    private HttpBodyStream(HttpLineReader reader, bool chunked, long length)
    {
        _reader = reader;
        _chunked = chunked;
        _left = length;
        IsAtEnd = !chunked && length == 0;
    }

    public bool IsAtEnd { get; private set; }

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <summary>Null if the request has no body.</summary>
    /// <exception cref="InvalidDataException">Unsupported Transfer-Encoding or malformed Content-Length.</exception>
    public static HttpBodyStream? Create(HttpLineReader reader, HttpRequestHead head)
    {
        if (head["Transfer-Encoding"] is { Length: > 0 } encoding)
        {
            return encoding.Equals("chunked", StringComparison.OrdinalIgnoreCase)
                ? new HttpBodyStream(reader, chunked: true, 0)
                : throw new InvalidDataException("unsupported transfer encoding");
        }
        if (head["Content-Length"] is not { Length: > 0 } text)
            return null;
        if (!long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var length))
            throw new InvalidDataException("malformed content length");
        return new HttpBodyStream(reader, chunked: false, length);
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (IsAtEnd || buffer.IsEmpty)
            return 0;
        if (_chunked && _left == 0 && !await NextChunkAsync(cancellationToken))
            return 0;
        var read = await _reader.ReadAsync(buffer[..(int)Math.Min(buffer.Length, _left)], cancellationToken);
        if (read == 0)
            throw new IOException("The connection closed before the end of the request body.");
        _left -= read;
        if (_left == 0 && !_chunked)
            IsAtEnd = true;
        else if (_left == 0)
            await _reader.ReadLineAsync(cancellationToken);
        return read;
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    /// <summary>Not supported: use ReadAsync.</summary>
    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Flush() { }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    private async ValueTask<bool> NextChunkAsync(CancellationToken cancellationToken)
    {
        var line = await _reader.ReadLineAsync(cancellationToken) ?? "";
        var size = line.Split(';', 2)[0].Trim();
        if (!long.TryParse(size, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out _left) || _left < 0)
            throw new InvalidDataException("malformed chunk");
        if (_left > 0)
            return true;
        while (await _reader.ReadLineAsync(cancellationToken) is { Length: > 0 })
        {
            // Trailers are ignored.
        }
        IsAtEnd = true;
        return false;
    }
}
