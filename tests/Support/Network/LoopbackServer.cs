using System.Net;
using System.Net.Sockets;
using System.Text;

namespace CvManager.Support.Network;

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
