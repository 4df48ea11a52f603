using System.Buffers;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using CvManager.Cluster;
using Microsoft.Extensions.Logging;

namespace CvManager.Web;

/// <summary>
/// A small HTTP/1.1 server for GET and HEAD requests: for probes, and for pages that everyone may read. Thread-safe.
/// </summary>
/// <remarks>
/// <para>In a pod, it listens on all addresses, IPv4 and IPv6; elsewhere on loopback only.</para>
/// <para>Nothing that a client sends or omits costs much: at most <see cref="MaxConnections"/> connections, each for one request, with a
/// limited time and a limited header; a new connection replaces the oldest one. So idle connections do not keep probes out. ASP.NET
/// Core is not part of PowerShell; HttpListener limits neither connections nor the time of a header on Linux.</para>
/// </remarks>
public sealed partial class WebServer : IDisposable
{
    /// <summary>Far more than probes need, and few enough to cost nothing.</summary>
    internal const int MaxConnections = 64;

    /// <summary>The longest request line and headers, in bytes.</summary>
    internal const int MaxHead = 8 * 1024;

    /// <summary>How much of an oversized request is read, so that its client reads the response before the connection ends.</summary>
    private const int MaxRest = 2 * 1024 * 1024;

    /// <summary>The time for one request and its response.</summary>
    internal static readonly TimeSpan ConnectionLimit = TimeSpan.FromSeconds(10);

    private readonly IReadOnlyList<Socket> _listeners;
    private readonly IReadOnlyDictionary<string, WebPage> _pages;
    private readonly EngineEnvironment _environment;

    /// <summary>Oldest first.</summary>
    private readonly LinkedList<(Socket Socket, Task Serving)> _connections = [];

    private WebServer(IReadOnlyList<Socket> listeners, IReadOnlyDictionary<string, WebPage> pages, EngineEnvironment environment)
    {
        _listeners = listeners;
        _pages = pages;
        _environment = environment;
        Port = ((IPEndPoint)listeners[0].LocalEndPoint!).Port;
    }

    public int Port { get; }

    /// <summary>The number of open connections.</summary>
    internal int Connections
    {
        get
        {
            lock (_connections)
                return _connections.Count;
        }
    }

    /// <summary>Listens on a port. Requests wait until <see cref="RunAsync"/> is called.</summary>
    /// <param name="port">1 to 65535.</param>
    /// <param name="pages">By path, compared as the client sends it.</param>
    /// <param name="environment">The clock and the log.</param>
    /// <exception cref="CvException"><c>PortInUse</c>, <c>PortNotAvailable</c>.</exception>
    public static WebServer Listen(int port, IReadOnlyDictionary<string, WebPage> pages, EngineEnvironment environment) =>
        Listen(port, ClusterAccess.IsInPod(Environment.GetEnvironmentVariable), pages, environment);

    /// <param name="port">0 for a free port.</param>
    /// <param name="onAllAddresses">False for loopback only.</param>
    /// <inheritdoc cref="Listen(int, IReadOnlyDictionary{string, WebPage}, EngineEnvironment)"/>
    internal static WebServer Listen(
        int port,
        bool onAllAddresses,
        IReadOnlyDictionary<string, WebPage> pages,
        EngineEnvironment environment
    )
    {
        List<Socket> listeners = [];
        try
        {
            if (onAllAddresses)
            {
                listeners.Add(Listen(Socket.OSSupportsIPv6 ? IPAddress.IPv6Any : IPAddress.Any, port));
            }
            else
            {
                listeners.Add(Listen(IPAddress.Loopback, port));
                if (Socket.OSSupportsIPv6)
                    TryListen(IPAddress.IPv6Loopback, ((IPEndPoint)listeners[0].LocalEndPoint!).Port);
            }

            return new WebServer(listeners, pages, environment);
        }
        catch (SocketException e)
        {
            foreach (var listener in listeners)
                listener.Dispose();
            throw e.SocketErrorCode == SocketError.AddressAlreadyInUse
                ? new CvException(
                    ErrorIds.PortInUse,
                    CvErrorKind.Conflict,
                    $"Port {port} is already in use.",
                    "Choose another port, or stop the process that uses it.",
                    e
                )
                {
                    Target = port.ToString(CultureInfo.InvariantCulture),
                }
                : new CvException(
                    ErrorIds.PortNotAvailable,
                    CvErrorKind.Forbidden,
                    $"Could not listen on port {port}: {e.Message}",
                    "Choose another port. Ports below 1024 require permissions that a container usually does not have.",
                    e
                )
                {
                    Target = port.ToString(CultureInfo.InvariantCulture),
                };
        }

        void TryListen(IPAddress address, int samePort)
        {
            try
            {
                listeners.Add(Listen(address, samePort));
            }
            catch (SocketException e) when (e.SocketErrorCode == SocketError.AddressNotAvailable)
            {
                // This machine has no IPv6 loopback address.
            }
        }
    }

    private static Socket Listen(IPAddress address, int port)
    {
        Socket listener = new(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            if (address.AddressFamily == AddressFamily.InterNetworkV6)
                listener.DualMode = address.Equals(IPAddress.IPv6Any);
            listener.Bind(new IPEndPoint(address, port));
            listener.Listen(MaxConnections);
            return listener;
        }
        catch (SocketException)
        {
            listener.Dispose();
            throw;
        }
    }

    /// <summary>Serves until the token is cancelled, and closes all connections then. Can be called again after an exception.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Task[] accepting = [.. _listeners.Select(listener => AcceptAsync(listener, ending.Token))];
        await Task.WhenAny(accepting);
        await ending.CancelAsync();
        Task[] serving;
        lock (_connections)
            serving = [.. _connections.Select(connection => connection.Serving)];
        await Task.WhenAll([.. accepting, .. serving]);
    }

    public void Dispose()
    {
        foreach (var listener in _listeners)
            listener.Dispose();
    }

    private async Task AcceptAsync(Socket listener, CancellationToken cancellationToken)
    {
        while (!cancellationToken.IsCancellationRequested)
        {
            try
            {
                Add(await listener.AcceptAsync(cancellationToken), cancellationToken);
            }
            catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
            {
                return;
            }
            catch (SocketException e) when (e.SocketErrorCode is SocketError.ConnectionAborted or SocketError.ConnectionReset)
            {
                // The client was gone before its connection was accepted.
            }
        }
    }

    private void Add(Socket socket, CancellationToken cancellationToken)
    {
        lock (_connections)
        {
            if (_connections is { Count: >= MaxConnections, First: { } oldest })
            {
                oldest.Value.Socket.Dispose();
                _connections.Remove(oldest);
            }

            // Holds the lock until the connection is in the list: its end removes it.
            LinkedListNode<(Socket, Task)> node = new((socket, Task.CompletedTask));
            node.Value = (socket, Task.Run(() => ServeAsync(node, socket, cancellationToken), CancellationToken.None));
            _connections.AddLast(node);
        }
    }

    private async Task ServeAsync(LinkedListNode<(Socket, Task)> node, Socket socket, CancellationToken cancellationToken)
    {
        using CancellationTokenSource limit = new(ConnectionLimit, _environment.Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        var buffer = ArrayPool<byte>.Shared.Rent(MaxHead);
        try
        {
            if (await ReadAsync(socket, buffer.AsMemory(0, MaxHead), either.Token) is { } head)
                await RespondAsync(socket, head, buffer, either.Token);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException or OperationCanceledException)
        {
            // The client is gone or too slow, its connection was replaced, or the server stops.
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
            socket.Dispose();
            lock (_connections)
            {
                if (node.List is not null)
                    _connections.Remove(node);
            }
        }
    }

    /// <returns>
    /// The request line and the headers; the whole buffer if they are too large; null if the client closed the connection.
    /// </returns>
    private static async Task<ReadOnlyMemory<byte>?> ReadAsync(Socket socket, Memory<byte> buffer, CancellationToken cancellationToken)
    {
        var length = 0;
        while (length < buffer.Length)
        {
            var read = await socket.ReceiveAsync(buffer[length..], cancellationToken);
            if (read == 0)
                return null;
            var from = Math.Max(0, length - 3);
            length += read;
            if (buffer.Span[from..length].IndexOf("\r\n\r\n"u8) is >= 0 and var end)
                return buffer[..(from + end)];
        }

        return buffer;
    }

    private async Task RespondAsync(Socket socket, ReadOnlyMemory<byte> head, byte[] buffer, CancellationToken cancellationToken)
    {
        PageRequest? request = null;
        var status = head.Length == MaxHead ? 431 : PageRequest.Parse(head.Span, out request);
        var response = request is null ? PageResponse.Of(status) : await RespondAsync(request, cancellationToken);
        var left = (ReadOnlyMemory<byte>)response.ToBytes(request?.Method == "HEAD", _environment.Time.GetUtcNow());
        while (!left.IsEmpty)
            left = left[await socket.SendAsync(left, cancellationToken)..];
        // Closing a connection with unread data resets it, and the client may lose the response (RFC 9112 section 9.6).
        socket.Shutdown(SocketShutdown.Send);
        var rest = 0;
        while (rest < MaxRest)
        {
            var read = await socket.ReceiveAsync(buffer.AsMemory(), cancellationToken);
            if (read == 0)
                return;
            rest += read;
        }
    }

    private async ValueTask<PageResponse> RespondAsync(PageRequest request, CancellationToken cancellationToken)
    {
        if (request.Method is not ("GET" or "HEAD"))
            return PageResponse.Of(405);
        if (!_pages.TryGetValue(request.Path, out var page))
            return PageResponse.Of(404);
        try
        {
            return await page(request, cancellationToken);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            LogFailed(_environment.Logger, request.Path, ErrorIds.UnexpectedError, "Report this defect.", e);
            return PageResponse.Of(500);
        }
    }

    [LoggerMessage(
        EventId = LogEvents.PageFailed,
        EventName = nameof(LogEvents.PageFailed),
        Level = LogLevel.Error,
        Message = "The page {Path} failed unexpectedly ({ErrorId}). {Remedy}"
    )]
    private static partial void LogFailed(ILogger logger, string path, string errorId, string remedy, Exception error);
}
