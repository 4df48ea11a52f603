using System.Text;

namespace CvManager.Sandbox.Transport;

/// <summary>Reads lines and bytes from a connection through one buffer.</summary>
internal sealed class HttpLineReader(Stream stream)
{
    private const int LineLimit = 64 * 1024;

    private readonly byte[] _buffer = new byte[16 * 1024];
    private int _start;
    private int _end;

    /// <summary>The next line without its line break; null if the connection closes before it.</summary>
    /// <exception cref="InvalidDataException">The line is longer than 64 KiB.</exception>
    public async ValueTask<string?> ReadLineAsync(CancellationToken cancellationToken)
    {
        var line = new MemoryStream();
        while (true)
        {
            if (!await WaitForDataAsync(cancellationToken))
                return null;
            var feed = _buffer.AsSpan(_start, _end - _start).IndexOf((byte)'\n');
            var size = feed < 0 ? _end - _start : feed;
            line.Write(_buffer, _start, size);
            _start += feed < 0 ? size : size + 1;
            if (line.Length > LineLimit)
                throw new InvalidDataException("line too long");
            if (feed >= 0)
                return Encoding.UTF8.GetString(line.GetBuffer(), 0, (int)line.Length).TrimEnd('\r');
        }
    }

    /// <summary>0 if the connection is closed.</summary>
    public async ValueTask<int> ReadAsync(Memory<byte> target, CancellationToken cancellationToken)
    {
        if (!await WaitForDataAsync(cancellationToken))
            return 0;
        var size = Math.Min(target.Length, _end - _start);
        _buffer.AsMemory(_start, size).CopyTo(target);
        _start += size;
        return size;
    }

    /// <summary>False if the connection is closed.</summary>
    public async ValueTask<bool> WaitForDataAsync(CancellationToken cancellationToken)
    {
        if (_start < _end)
            return true;
        _start = 0;
        _end = 0;
        _end = await stream.ReadAsync(_buffer, cancellationToken);
        return _end > 0;
    }
}
