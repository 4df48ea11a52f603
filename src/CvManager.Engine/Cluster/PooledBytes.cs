using System.Buffers;

namespace CvManager.Cluster;

/// <summary>
/// The bytes of a response in an array of the shared pool: pages of lists are megabytes, and as arrays of their own they would leave the heap of
/// large objects as large as the initial sync needs it. Not thread-safe.
/// </summary>
internal sealed class PooledBytes(int size) : IDisposable
{
    private byte[] _buffer = ArrayPool<byte>.Shared.Rent(size);
    private int _length;

    /// <summary>What was read so far; valid until the next read and until the object is disposed.</summary>
    public ReadOnlyMemory<byte> Memory => _buffer.AsMemory(0, _length);

    /// <summary>Reads what is available, up to a total length.</summary>
    /// <returns>False at the end of the stream.</returns>
    public async Task<bool> ReadAsync(Stream stream, int limit, CancellationToken cancellationToken)
    {
        if (_length == _buffer.Length)
        {
            var larger = ArrayPool<byte>.Shared.Rent(_buffer.Length * 2);
            _buffer.CopyTo(larger, 0);
            ArrayPool<byte>.Shared.Return(_buffer);
            _buffer = larger;
        }

        var count = await stream.ReadAsync(_buffer.AsMemory(_length, Math.Min(_buffer.Length, limit) - _length), cancellationToken);
        _length += count;
        return count > 0;
    }

    public void Dispose()
    {
        var buffer = Interlocked.Exchange(ref _buffer, []);
        if (buffer.Length > 0)
            ArrayPool<byte>.Shared.Return(buffer);
    }
}
