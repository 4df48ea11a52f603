using System.Net;
using System.Net.Sockets;
using System.Text;

namespace CvManager.Unit.Registries;

/// <summary>Accepts and serves connections on loopback until disposed.</summary>
internal abstract class LoopbackServer : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly List<Task> _serving = [];
    private Task _accepting = Task.CompletedTask;

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    public virtual async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _accepting;
        _listener.Stop();
        await Task.WhenAll(_serving);
        _stop.Dispose();
        GC.SuppressFinalize(this);
    }

    protected void Start()
    {
        _listener.Start();
        _accepting = AcceptAsync();
    }

    protected abstract Task ServeAsync(Stream client, CancellationToken cancellationToken);

    /// <summary>Lines up to the first empty one; null at the end of the stream.</summary>
    protected static async Task<string[]?> ReadHeadAsync(Stream stream, CancellationToken cancellationToken)
    {
        StringBuilder text = new();
        var one = new byte[1];
        while (!text.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal))
        {
            if (await stream.ReadAsync(one, cancellationToken) == 0)
                return null;
            text.Append((char)one[0]);
        }

        return text.ToString().Split("\r\n", StringSplitOptions.RemoveEmptyEntries);
    }

    protected static ValueTask WriteHeadAsync(Stream stream, CancellationToken cancellationToken, params string[] lines) =>
        stream.WriteAsync(Encoding.ASCII.GetBytes(string.Join("\r\n", lines) + "\r\n\r\n"), cancellationToken);

    private async Task AcceptAsync()
    {
        while (true)
        {
            try
            {
                var client = await _listener.AcceptTcpClientAsync(_stop.Token);
                _serving.Add(ServeAsync(client));
            }
            catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
            {
                return;
            }
        }
    }

    private async Task ServeAsync(TcpClient client)
    {
        using (client)
        {
            try
            {
                await ServeAsync(client.GetStream(), _stop.Token);
            }
            catch (Exception e)
                when (e
                        is OperationCanceledException
                            or IOException
                            or SocketException
                            or System.Security.Authentication.AuthenticationException
                )
            {
                // The client disconnected or rejected the certificate, which the test verifies on the client.
            }
        }
    }
}

/// <summary>A CONNECT proxy whose tunnels all end at one server of the test.</summary>
internal sealed class TunnelProxy : LoopbackServer
{
    private readonly int _target;
    private readonly string? _login;

    /// <param name="target">The port on loopback where tunnels end.</param>
    /// <param name="login">The required user:password.</param>
    public TunnelProxy(int target, string? login = null)
    {
        (_target, _login) = (target, login);
        Start();
    }

    /// <summary>The requested servers: <c>host:port</c>.</summary>
    public System.Collections.Concurrent.ConcurrentQueue<string> Asked { get; } = [];

    protected override async Task ServeAsync(Stream client, CancellationToken cancellationToken)
    {
        while (await ReadHeadAsync(client, cancellationToken) is { } head)
        {
            var expected = "Proxy-Authorization: Basic " + Convert.ToBase64String(Encoding.ASCII.GetBytes(_login ?? ""));
            if (_login is not null && !head.Contains(expected))
            {
                await WriteHeadAsync(
                    client,
                    cancellationToken,
                    "HTTP/1.1 407 Proxy Authentication Required",
                    "Proxy-Authenticate: Basic realm=\"proxy\"",
                    "Content-Length: 0"
                );
                continue;
            }

            Asked.Enqueue(head[0].Split(' ')[1]);
            using TcpClient server = new();
            await server.ConnectAsync(IPAddress.Loopback, _target, cancellationToken);
            await WriteHeadAsync(client, cancellationToken, "HTTP/1.1 200 Connection established");
            var stream = server.GetStream();
            using var over = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            Task[] ways = [client.CopyToAsync(stream, over.Token), stream.CopyToAsync(client, over.Token)];
            await Task.WhenAny(ways);
            await over.CancelAsync();
            await Task.WhenAll(ways);
            return;
        }
    }
}
