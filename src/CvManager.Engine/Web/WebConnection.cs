using System.Buffers;
using System.Net.Sockets;

namespace CvManager.Web;

/// <summary>One connection of a client: its requests, one after the other.</summary>
/// <param name="socket">Disposed at the end.</param>
/// <param name="dispatcher">Responds to the requests.</param>
/// <param name="time">The clock.</param>
internal sealed class WebConnection(Socket socket, PageDispatcher dispatcher, TimeProvider time)
{
    /// <summary>The longest request line and headers, in bytes. Browsers keep cookies to 4 kB.</summary>
    internal const int MaxHead = 16 * 1024;

    /// <summary>The longest body of a request, in bytes.</summary>
    internal const int MaxBody = 64 * 1024;

    /// <summary>The requests of one connection.</summary>
    internal const int MaxRequests = 1000;

    /// <summary>How much of an oversized request is read, so that its client reads the response before the connection ends.</summary>
    private const int MaxRest = 2 * 1024 * 1024;

    /// <summary>The time until a request has arrived completely, since the connection or the response before it.</summary>
    internal static readonly TimeSpan ReadLimit = TimeSpan.FromSeconds(10);

    /// <summary>The time until the client has got the response.</summary>
    internal static readonly TimeSpan ResponseLimit = TimeSpan.FromSeconds(30);

    private static readonly byte[] Continue = "HTTP/1.1 100 Continue\r\n\r\n"u8.ToArray();

    /// <summary>What was received and not yet read is at its start.</summary>
    private readonly byte[] _buffer = ArrayPool<byte>.Shared.Rent(MaxHead);

    private int _received;
    private volatile bool _isWaiting = true;

    /// <summary>True while the connection waits for its client. It can be closed then without loss to the client.</summary>
    public bool IsWaiting => _isWaiting;

    /// <summary>Ends the connection from outside.</summary>
    public void Drop() => socket.Dispose();

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        try
        {
            for (var served = 1; await ServeAsync(served == MaxRequests, cancellationToken); served++)
                _isWaiting = true;
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException or OperationCanceledException)
        {
            // The client is gone or too slow, its connection was replaced, or the server stops.
        }
        finally
        {
            socket.Dispose();
            ArrayPool<byte>.Shared.Return(_buffer);
        }
    }

    /// <summary>One request and its response.</summary>
    /// <returns>True if another request may follow.</returns>
    private async Task<bool> ServeAsync(bool isLast, CancellationToken cancellationToken)
    {
        int status;
        PageRequest? request;
        using (Limited reading = new(ReadLimit, time, cancellationToken))
            (status, request) = await ReadAsync(reading.Token);
        if (status == 0)
            return false;
        _isWaiting = false;
        using Limited responding = new(ResponseLimit, time, cancellationToken);
        var response = request is null ? PageResponse.Of(status) : await dispatcher.RespondAsync(request, responding.Token);
        var isPersistent = !isLast && request is { IsPersistent: true };
        await SendAsync(response.ToBytes(request, isPersistent, time.GetUtcNow()), responding.Token);
        if (isPersistent)
            return true;
        _isWaiting = true;
        await EndAsync(responding.Token);
        return false;
    }

    /// <returns>Status 0 if the client closed the connection; another one than 200 if the request is not valid.</returns>
    private async Task<(int Status, PageRequest? Request)> ReadAsync(CancellationToken cancellationToken)
    {
        int end;
        var searched = 0;
        while ((end = _buffer.AsSpan(searched, _received - searched).IndexOf("\r\n\r\n"u8)) < 0)
        {
            if (_received >= MaxHead)
                return (431, null);
            searched = Math.Max(0, _received - 3);
            var read = await socket.ReceiveAsync(_buffer.AsMemory(_received, MaxHead - _received), cancellationToken);
            if (read == 0)
                return (0, null);
            _received += read;
        }

        end += searched;
        var status = PageRequest.Parse(_buffer.AsSpan(0, end), out var request);
        Take(end + 4);
        if (request is null)
            return (status, null);
        status = request.ParseLength(MaxBody, out var length);
        if (status != 200)
            return (status, null);
        if (length == 0)
            return (200, request);
        if (request.Headers.TryGetValue("Expect", out var expected))
        {
            if (!expected.Equals("100-continue", StringComparison.OrdinalIgnoreCase))
                return (417, null);
            if (_received < length)
                await SendAsync(Continue, cancellationToken);
        }

        var body = new byte[length];
        var filled = Math.Min(length, _received);
        _buffer.AsSpan(0, filled).CopyTo(body);
        Take(filled);
        while (filled < length)
        {
            var read = await socket.ReceiveAsync(body.AsMemory(filled), cancellationToken);
            if (read == 0)
                return (0, null);
            filled += read;
        }

        return (200, request with { Body = body });
    }

    /// <summary>Removes bytes from the start of the buffer; a client may have sent its next request.</summary>
    private void Take(int count)
    {
        _received -= count;
        _buffer.AsSpan(count, _received).CopyTo(_buffer);
    }

    private async Task SendAsync(ReadOnlyMemory<byte> left, CancellationToken cancellationToken)
    {
        while (!left.IsEmpty)
            left = left[await socket.SendAsync(left, cancellationToken)..];
    }

    /// <summary>
    /// Reads what the client still sends, until it closes: closing a connection with unread data resets it, and the client may lose the
    /// response (RFC 9112 section 9.6).
    /// </summary>
    private async Task EndAsync(CancellationToken cancellationToken)
    {
        socket.Shutdown(SocketShutdown.Send);
        var rest = 0;
        while (rest < MaxRest)
        {
            var read = await socket.ReceiveAsync(_buffer.AsMemory(), cancellationToken);
            if (read == 0)
                return;
            rest += read;
        }
    }

    /// <summary>A token that is cancelled after a time, or with another one.</summary>
    private sealed class Limited : IDisposable
    {
        private readonly CancellationTokenSource _limit;
        private readonly CancellationTokenSource _either;

        public Limited(TimeSpan longest, TimeProvider time, CancellationToken cancellationToken)
        {
            _limit = new CancellationTokenSource(longest, time);
            _either = CancellationTokenSource.CreateLinkedTokenSource(_limit.Token, cancellationToken);
        }

        public CancellationToken Token => _either.Token;

        public void Dispose()
        {
            _either.Dispose();
            _limit.Dispose();
        }
    }
}
