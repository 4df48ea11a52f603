using System.Globalization;
using System.Net.Security;
using System.Security.Authentication;
using System.Text;

namespace CvManager.Support.Network;

/// <summary>A server for which TLS connections fail.</summary>
/// <remarks>
/// It sends plain HTTP, another protocol, TLS 1.1, nothing (and closes the connection), or a fatal alert by number (RFC 8446, 6.2).
/// </remarks>
internal sealed class OddTlsServer : LoopbackServer
{
    private readonly string _how;
    private int _connections;

    public OddTlsServer(string how)
    {
        _how = how;
        Start();
    }

    public int Connections => _connections;

    protected override async Task ServeAsync(Stream client, CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref _connections);
        if (_how == "TLS 1.1")
        {
            using TestAuthority authority = new();
            await using SslStream tls = new(client);
            await tls.AuthenticateAsServerAsync(
                new SslServerAuthenticationOptions
                {
                    ServerCertificate = authority.Issue("any", ["127.0.0.1"]).Certificate,
#pragma warning disable SYSLIB0039, CA5397 // The test needs an obsolete protocol.
                    EnabledSslProtocols = SslProtocols.Tls11,
#pragma warning restore SYSLIB0039, CA5397
                },
                cancellationToken
            );
            return;
        }

        var hello = new byte[16 * 1024];
        if (await client.ReadAsync(hello, cancellationToken) == 0)
            return;
        var answer = _how.Split(' ') switch
        {
            ["plain", ..] => Encoding.ASCII.GetBytes("HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"),
            ["another", ..] => Encoding.ASCII.GetBytes("SSH-2.0-OpenSSH_9.9\r\n"),
            // A TLS 1.2 alert record with two bytes: fatal and the number.
            ["alert", string number] => [21, 3, 3, 0, 2, 2, byte.Parse(number, CultureInfo.InvariantCulture)],
            _ => [],
        };
        await client.WriteAsync(answer, cancellationToken);
        await client.FlushAsync(cancellationToken);
    }
}
