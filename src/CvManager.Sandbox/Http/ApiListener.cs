using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using CvManager.Sandbox.Api;

namespace CvManager.Sandbox.Http;

/// <summary>
/// Serves the API over HTTPS (HTTP/1.1) on 127.0.0.1. It uses sockets because HttpListener sends the response headers only with the first
/// byte of the body, and clients of an idle watch would time out. Disposing it closes all connections, including watches.
/// </summary>
internal sealed class ApiListener : IAsyncDisposable
{
    private readonly TcpListener listener;
    private readonly ApiServer server;
    private readonly LoopbackCertificate certificate = LoopbackCertificate.Create();
    private readonly CancellationTokenSource stopping = new();
    private readonly HashSet<Task> connections = [];
    private readonly Task accepting;

    private ApiListener(TcpListener listener, ApiServer server)
    {
        this.listener = listener;
        this.server = server;
        Server = new Uri($"https://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}/");
        accepting = AcceptAsync();
    }

    public Uri Server { get; }

    /// <summary>The PEM of the certificate authority that clients must trust.</summary>
    public string AuthorityPem => certificate.AuthorityPem;

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
        await stopping.CancelAsync();
        listener.Stop();
        await accepting;
        Task[] open;
        lock (connections)
            open = [.. connections];
        await Task.WhenAll(open);
        listener.Dispose();
        stopping.Dispose();
        certificate.Dispose();
    }

    private async Task AcceptAsync()
    {
        while (true)
        {
            Socket socket;
            try
            {
                socket = await listener.AcceptSocketAsync(stopping.Token);
            }
            catch (Exception e)
                when (e is OperationCanceledException or SocketException or ObjectDisposedException && stopping.IsCancellationRequested)
            {
                return;
            }
            var connection = Task.Run(() => ServeAsync(socket), CancellationToken.None);
            lock (connections)
                connections.Add(connection);
            _ = connection.ContinueWith(
                Forget,
                CancellationToken.None,
                TaskContinuationOptions.ExecuteSynchronously,
                TaskScheduler.Default
            );
        }

        void Forget(Task connection)
        {
            lock (connections)
                connections.Remove(connection);
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
                    ServerCertificate = certificate.Server,
                    ApplicationProtocols = [SslApplicationProtocol.Http11],
                };
                await stream.AuthenticateAsServerAsync(tls, stopping.Token);
                await new HttpConnection(stream, server).RunAsync(stopping.Token);
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
