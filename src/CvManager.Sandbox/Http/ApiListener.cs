using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using CvManager.Sandbox.Api;

namespace CvManager.Sandbox.Http;

/// <summary>
/// The API server over HTTPS (HTTP/1.1) on 127.0.0.1. It stands on sockets because HttpListener sends the head of an answer only with the first
/// byte of its body, and a quiet watch has none for a long time: clients would give up waiting for it. Disposing it ends every
/// connection, watches too.
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

    /// <summary>PEM of the authority that clients have to trust.</summary>
    public string AuthorityPem => certificate.AuthorityPem;

    /// <summary>Starts to listen; port 0 chooses a free one.</summary>
    /// <exception cref="SocketException">The port is taken.</exception>
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
        await stopping.CancelAsync().ConfigureAwait(false);
        listener.Stop();
        await accepting.ConfigureAwait(false);
        Task[] open;
        lock (connections)
            open = [.. connections];
        await Task.WhenAll(open).ConfigureAwait(false);
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
                socket = await listener.AcceptSocketAsync(stopping.Token).ConfigureAwait(false);
            }
            catch (Exception error) when (error is OperationCanceledException or SocketException or ObjectDisposedException && stopping.IsCancellationRequested)
            {
                return;
            }
            var connection = Task.Run(() => ServeAsync(socket), CancellationToken.None);
            lock (connections)
                connections.Add(connection);
            _ = connection.ContinueWith(Forget, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
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
            await using (stream.ConfigureAwait(false))
            {
                var tls = new SslServerAuthenticationOptions
                {
                    ServerCertificate = certificate.Server,
                    ApplicationProtocols = [SslApplicationProtocol.Http11],
                };
                await stream.AuthenticateAsServerAsync(tls, stopping.Token).ConfigureAwait(false);
                await new HttpConnection(stream, server).RunAsync(stopping.Token).ConfigureAwait(false);
            }
        }
        catch (Exception error) when (error is IOException or SocketException or AuthenticationException or OperationCanceledException or ObjectDisposedException)
        {
            // The client went away, or the cluster stops: there is nobody to tell.
            socket.Dispose();
        }
    }
}
