namespace CvManager.Cluster;

/// <summary>Reads lines of bytes, each up to a limit: a line without an end takes no more memory than that. Not thread-safe.</summary>
internal sealed class LineReader(Stream stream, int largest) : IDisposable
{
    private const int Usual = 16 * 1024;

    private byte[] _buffer = new byte[Usual];
    private int _begin;
    private int _end;

    /// <returns>The line without its end, good until the next call; null at the end of the stream.</returns>
    /// <exception cref="CvException"><c>ClusterAnswerTooLarge</c>.</exception>
    public async Task<ReadOnlyMemory<byte>?> ReadAsync(CancellationToken cancellationToken)
    {
        int looked = _begin;
        while (true)
        {
            int at = _buffer.AsSpan(looked, _end - looked).IndexOf((byte)'\n');
            if (at >= 0)
                return Take(looked + at, 1);
            looked = _end;
            if (_end - _begin > largest)
                throw ClusterErrors.TooLarge("watch event", largest);
            looked -= MakeRoom();
            int count = await stream.ReadAsync(_buffer.AsMemory(_end), cancellationToken).ConfigureAwait(false);
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

    /// <summary>Moves what is unread to the front, into a larger buffer where it needs one, and back into a small one after a long line.</summary>
    /// <returns>How far it was moved.</returns>
    private int MakeRoom()
    {
        int moved = _begin;
        int unread = _end - _begin;
        byte[] target = unread == _buffer.Length ? new byte[_buffer.Length * 2] : unread < Usual && _buffer.Length > Usual ? new byte[Usual] : _buffer;
        _buffer.AsSpan(_begin, unread).CopyTo(target);
        (_buffer, _begin, _end) = (target, 0, unread);
        return moved;
    }
}
