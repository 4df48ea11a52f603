namespace CvManager.Cluster;

/// <summary>Reads lines of bytes up to a maximum length, which bounds the memory used. Not thread-safe.</summary>
internal sealed class LineReader(Stream stream, int maxLength) : IDisposable
{
    private const int InitialSize = 16 * 1024;

    private byte[] _buffer = new byte[InitialSize];
    private int _begin;
    private int _end;

    /// <returns>The line without its line break, valid until the next call; null at the end of the stream.</returns>
    /// <exception cref="CvException"><c>ClusterResponseTooLarge</c>.</exception>
    public async Task<ReadOnlyMemory<byte>?> ReadAsync(CancellationToken cancellationToken)
    {
        var searched = _begin;
        while (true)
        {
            var at = _buffer.AsSpan(searched, _end - searched).IndexOf((byte)'\n');
            if (at >= 0)
                return Take(searched + at, 1);
            searched = _end;
            if (_end - _begin > maxLength)
                throw ClusterErrors.TooLarge("watch event", maxLength);
            searched -= Compact();
            var count = await stream.ReadAsync(_buffer.AsMemory(_end), cancellationToken);
            if (count == 0)
                return _begin == _end ? default(ReadOnlyMemory<byte>?) : Take(_end, 0);
            _end += count;
        }
    }

    public void Dispose() => stream.Dispose();

    private ReadOnlyMemory<byte> Take(int end, int separator)
    {
        ReadOnlyMemory<byte> line = _buffer.AsMemory(_begin, end - _begin);
        _begin = end + separator;
        return line.Length > 0 && line.Span[^1] == '\r' ? line[..^1] : line;
    }

    /// <summary>Moves unread bytes to the front, into a larger buffer if necessary, and back to a small one after a long line.</summary>
    /// <returns>The number of bytes by which they were moved.</returns>
    private int Compact()
    {
        var moved = _begin;
        var unread = _end - _begin;
        var target =
            unread == _buffer.Length ? new byte[_buffer.Length * 2]
            : unread < InitialSize && _buffer.Length > InitialSize ? new byte[InitialSize]
            : _buffer;
        _buffer.AsSpan(_begin, unread).CopyTo(target);
        (_buffer, _begin, _end) = (target, 0, unread);
        return moved;
    }
}
