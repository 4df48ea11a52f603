using System.Globalization;
using System.Net;
using System.Net.Sockets;
using CvManager.Cluster;

namespace CvManager.Web;

/// <summary>
/// A small HTTP/1.1 server for the pages of the controller (<see cref="WebRoute"/>). Thread-safe.
/// </summary>
/// <remarks>
/// <para>In a pod, it listens on all addresses, IPv4 and IPv6; elsewhere on loopback only, and only for requests to a name of loopback.</para>
/// <para>Nothing that a client sends or omits costs much: at most <see cref="MaxConnections"/> connections, each with limits of its header,
/// its body and its time (<see cref="WebConnection"/>). A new connection replaces the one that waits longest for its client. So neither idle
/// connections nor slow ones keep probes out. ASP.NET Core is not part of PowerShell; HttpListener limits neither connections nor the time of
/// a header on Linux.</para>
/// </remarks>
public sealed class WebServer : IDisposable
{
    /// <summary>Enough for many browsers, and few enough to cost little: at most <see cref="WebConnection.MaxHead"/> bytes each.</summary>
    internal const int MaxConnections = 256;

    private readonly IReadOnlyList<Socket> _listeners;
    private readonly PageDispatcher _dispatcher;
    private readonly EngineEnvironment _environment;

    /// <summary>Oldest first.</summary>
    private readonly LinkedList<(WebConnection Connection, Task Serving)> _connections = [];

    private WebServer(IReadOnlyList<Socket> listeners, PageDispatcher dispatcher, EngineEnvironment environment)
    {
        _listeners = listeners;
        _dispatcher = dispatcher;
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
    /// <param name="routes">The pages.</param>
    /// <param name="environment">The clock and the log.</param>
    /// <exception cref="CvException"><c>PortInUse</c>, <c>PortNotAvailable</c>.</exception>
    public static WebServer Listen(int port, IReadOnlyList<WebRoute> routes, EngineEnvironment environment) =>
        Listen(port, ClusterAccess.IsInPod(Environment.GetEnvironmentVariable), routes, environment);

    /// <param name="port">0 for a free port.</param>
    /// <param name="onAllAddresses">False for loopback only.</param>
    /// <inheritdoc cref="Listen(int, IReadOnlyList{WebRoute}, EngineEnvironment)"/>
    internal static WebServer Listen(int port, bool onAllAddresses, IReadOnlyList<WebRoute> routes, EngineEnvironment environment)
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

            return new WebServer(listeners, new PageDispatcher(routes, !onAllAddresses, environment.Logger), environment);
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
        _dispatcher.Dispose();
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
        socket.NoDelay = true;
        lock (_connections)
        {
            if (_connections.Count >= MaxConnections)
            {
                var replaced = _connections.FirstOrDefault(one => one.Connection.IsWaiting, _connections.First!.Value);
                replaced.Connection.Drop();
                _connections.Remove(replaced);
            }

            // Holds the lock until the connection is in the list: its end removes it.
            WebConnection connection = new(socket, _dispatcher, _environment.Time);
            LinkedListNode<(WebConnection, Task)> node = new((connection, Task.CompletedTask));
            node.Value = (connection, Task.Run(() => ServeAsync(node, connection, cancellationToken), CancellationToken.None));
            _connections.AddLast(node);
        }
    }

    private async Task ServeAsync(LinkedListNode<(WebConnection, Task)> node, WebConnection connection, CancellationToken cancellationToken)
    {
        try
        {
            await connection.RunAsync(cancellationToken);
        }
        finally
        {
            lock (_connections)
            {
                if (node.List is not null)
                    _connections.Remove(node);
            }
        }
    }
}
