using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace CvManager.Support.Network;

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
    public ConcurrentQueue<string> Targets { get; } = [];

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

            Targets.Enqueue(head[0].Split(' ')[1]);
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
