namespace CvManager.Sandbox.Storage;

/// <summary>
/// The stream of one watch, written by the store and read by one client. Reads wait for the next line; 0 bytes mean the end. Thread-safe
/// for one reader and any number of writers.
/// </summary>
/// <param name="wake">Runs the continuation of a reader; called without a lock of this class.</param>
/// <param name="onClose">Called once when the stream is disposed.</param>
internal sealed class WatchStream(Action<Action> wake, Action<WatchStream> onClose) : Stream
{
    /// <summary>The stream of a slower reader is ended, as in the API server.</summary>
    private const int PendingLimit = 100_000;

    private readonly object _sync = new();
    private readonly Queue<ReadOnlyMemory<byte>> _pending = new();

    /// <summary>The rest of a line that did not fit into the reader's buffer.</summary>
    private ReadOnlyMemory<byte> _rest;
    private TaskCompletionSource? _waiting;
    private bool _ended;
    private bool _stalled;
    private Exception? _broken;
    private bool _closed;
    private int _linesLeft = int.MaxValue;
    private Action? _onLinesLeft;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public void Write(ReadOnlyMemory<byte> line)
    {
        lock (_sync)
        {
            if (_ended || _closed)
                return;
            _pending.Enqueue(line);
            if (_pending.Count > PendingLimit)
                _ended = true;
        }
        Wake();
    }

    /// <summary>Ends the stream after the lines that have been written.</summary>
    public void End()
    {
        lock (_sync)
        {
            _ended = true;
            _linesLeft = int.MaxValue;
        }
        Wake();
    }

    /// <summary>Ends the stream immediately, with a last line or an error; unread lines are lost.</summary>
    public void Break(Exception? error, ReadOnlyMemory<byte> lastLine = default)
    {
        lock (_sync)
        {
            _pending.Clear();
            _rest = lastLine;
            _linesLeft = int.MaxValue;
            _broken = error;
            _ended = true;
        }
        Wake();
    }

    /// <summary>Lets reads wait forever.</summary>
    public void Stall()
    {
        lock (_sync)
            _stalled = true;
    }

    /// <summary>Calls back after the given number of lines has been read.</summary>
    public void AfterLines(int count, Action action)
    {
        lock (_sync)
        {
            _linesLeft = count;
            _onLinesLeft = action;
        }
        if (count == 0)
            action();
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        while (true)
        {
            Task wait;
            Action? reached = null;
            var read = 0;
            lock (_sync)
            {
                if (!_stalled && (!_rest.IsEmpty || (_pending.Count > 0 && _linesLeft > 0)))
                {
                    read = Take(buffer.Span, ref reached);
                }
                else if (!_stalled && _ended)
                {
                    return _broken is null ? 0 : throw new IOException("The connection of the watch was dropped.", _broken);
                }
                _waiting ??= new TaskCompletionSource();
                wait = _waiting.Task;
            }
            reached?.Invoke();
            if (read > 0)
                return read;
            await wait.WaitAsync(cancellationToken);
        }
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    /// <summary>Not supported: use ReadAsync.</summary>
    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Flush() { }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        bool first;
        lock (_sync)
        {
            first = !_closed;
            _closed = true;
            _ended = true;
            _pending.Clear();
        }
        if (disposing && first)
        {
            onClose(this);
            Wake();
        }
        base.Dispose(disposing);
    }

    /// <summary>Copies as many bytes as fit and may be read.</summary>
    private int Take(Span<byte> buffer, ref Action? reached)
    {
        var total = 0;
        while (total < buffer.Length && (!_rest.IsEmpty || (_pending.Count > 0 && _linesLeft > 0)))
        {
            if (_rest.IsEmpty)
            {
                _rest = _pending.Dequeue();
                if (_linesLeft != int.MaxValue)
                    _linesLeft--;
            }
            var size = Math.Min(_rest.Length, buffer.Length - total);
            _rest.Span[..size].CopyTo(buffer[total..]);
            total += size;
            _rest = _rest[size..];
        }
        if (_rest.IsEmpty && _linesLeft == 0)
        {
            reached = _onLinesLeft;
            _onLinesLeft = null;
        }
        return total;
    }

    private void Wake()
    {
        TaskCompletionSource? reader;
        lock (_sync)
        {
            reader = _waiting;
            _waiting = null;
        }
        if (reader is not null)
            wake(reader.SetResult);
    }
}
