using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using CvManager.Sandbox.Api;

namespace CvManager.Sandbox.Transport;

/// <summary>
/// Serves the API over HTTPS (HTTP/1.1) on 127.0.0.1. It uses sockets because HttpListener sends the response headers only with the first
/// byte of the body, and clients of an idle watch would time out. Disposing it closes all connections, including watches.
/// </summary>
internal sealed class ApiListener : IAsyncDisposable
{
    private readonly TcpListener _listener;
    private readonly ApiServer _server;
    private readonly LoopbackCertificate _certificate = LoopbackCertificate.Create();
    private readonly CancellationTokenSource _stopping = new();
    private readonly HashSet<Task> _connections = [];
    private readonly Task _accepting;

    private ApiListener(TcpListener listener, ApiServer server)
    {
        _listener = listener;
        _server = server;
        Server = new Uri($"https://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}/");
        _accepting = AcceptAsync();
    }

    public Uri Server { get; }

    /// <summary>The PEM of the certificate authority that clients must trust.</summary>
    public string AuthorityPem => _certificate.AuthorityPem;

    /// <summary>Starts listening; port 0 selects a free port.</summary>
    /// <exception cref="SocketException">The port is in use.</exception>
    public static ApiListener Start(int port, ApiServer server)
    {
        var listener = new TcpListener(IPAddress.Loopback, port);
        try
        {
            listener.Start();
        }
        catch (SocketException)
        {
            listener.Dispose();
            throw;
        }
        return new ApiListener(listener, server);
    }

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        _listener.Stop();
        await _accepting;
        Task[] open;
        lock (_connections)
            open = [.. _connections];
        await Task.WhenAll(open);
        _listener.Dispose();
        _stopping.Dispose();
        _certificate.Dispose();
    }

    private async Task AcceptAsync()
    {
        while (true)
        {
            Socket socket;
            try
            {
                socket = await _listener.AcceptSocketAsync(_stopping.Token);
            }
            catch (Exception e)
                when (e is OperationCanceledException or SocketException or ObjectDisposedException && _stopping.IsCancellationRequested)
            {
                return;
            }
            var connection = Task.Run(() => ServeAsync(socket), CancellationToken.None);
            lock (_connections)
                _connections.Add(connection);
            _ = connection.ContinueWith(
                Forget,
                CancellationToken.None,
                TaskContinuationOptions.ExecuteSynchronously,
                TaskScheduler.Default
            );
        }

        void Forget(Task connection)
        {
            lock (_connections)
                _connections.Remove(connection);
        }
    }

    private async Task ServeAsync(Socket socket)
    {
        socket.NoDelay = true;
        try
        {
            var stream = new SslStream(new NetworkStream(socket, ownsSocket: true));
            await using (stream)
            {
                var tls = new SslServerAuthenticationOptions
                {
                    ServerCertificate = _certificate.Server,
                    ApplicationProtocols = [SslApplicationProtocol.Http11],
                };
                await stream.AuthenticateAsServerAsync(tls, _stopping.Token);
                await new HttpConnection(stream, _server).RunAsync(_stopping.Token);
            }
        }
        catch (Exception e)
            when (e is IOException or SocketException or AuthenticationException or OperationCanceledException or ObjectDisposedException)
        {
            // The client disconnected, or the cluster is stopping.
            socket.Dispose();
        }
    }
}
