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

    private readonly object sync = new();
    private readonly Queue<ReadOnlyMemory<byte>> pending = new();

    /// <summary>The rest of a line that did not fit into the reader's buffer.</summary>
    private ReadOnlyMemory<byte> rest;
    private TaskCompletionSource? waiting;
    private bool ended;
    private bool stalled;
    private Exception? broken;
    private bool closed;
    private int linesLeft = int.MaxValue;
    private Action? onLinesLeft;

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
        lock (sync)
        {
            if (ended || closed)
                return;
            pending.Enqueue(line);
            if (pending.Count > PendingLimit)
                ended = true;
        }
        Wake();
    }

    /// <summary>Ends the stream after the lines that have been written.</summary>
    public void End()
    {
        lock (sync)
        {
            ended = true;
            linesLeft = int.MaxValue;
        }
        Wake();
    }

    /// <summary>Ends the stream immediately, with a last line or an error; unread lines are lost.</summary>
    public void Break(Exception? error, ReadOnlyMemory<byte> lastLine = default)
    {
        lock (sync)
        {
            pending.Clear();
            rest = lastLine;
            linesLeft = int.MaxValue;
            broken = error;
            ended = true;
        }
        Wake();
    }

    /// <summary>Lets reads wait forever.</summary>
    public void Stall()
    {
        lock (sync)
            stalled = true;
    }

    /// <summary>Calls back after the given number of lines has been read.</summary>
    public void AfterLines(int count, Action action)
    {
        lock (sync)
        {
            linesLeft = count;
            onLinesLeft = action;
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
            lock (sync)
            {
                if (!stalled && (!rest.IsEmpty || (pending.Count > 0 && linesLeft > 0)))
                {
                    read = Take(buffer.Span, ref reached);
                }
                else if (!stalled && ended)
                {
                    return broken is null ? 0 : throw new IOException("The connection of the watch was dropped.", broken);
                }
                waiting ??= new TaskCompletionSource();
                wait = waiting.Task;
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
        lock (sync)
        {
            first = !closed;
            closed = true;
            ended = true;
            pending.Clear();
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
        while (total < buffer.Length && (!rest.IsEmpty || (pending.Count > 0 && linesLeft > 0)))
        {
            if (rest.IsEmpty)
            {
                rest = pending.Dequeue();
                if (linesLeft != int.MaxValue)
                    linesLeft--;
            }
            var size = Math.Min(rest.Length, buffer.Length - total);
            rest.Span[..size].CopyTo(buffer[total..]);
            total += size;
            rest = rest[size..];
        }
        if (rest.IsEmpty && linesLeft == 0)
        {
            reached = onLinesLeft;
            onLinesLeft = null;
        }
        return total;
    }

    private void Wake()
    {
        TaskCompletionSource? reader;
        lock (sync)
        {
            reader = waiting;
            waiting = null;
        }
        if (reader is not null)
            wake(reader.SetResult);
    }
}
