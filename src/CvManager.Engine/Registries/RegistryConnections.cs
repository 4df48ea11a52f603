using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace CvManager.Registries;

/// <summary>
/// Connections to registries: through the proxy of the environment (<see cref="ProxySettings"/>), trusting the certificate authorities of
/// the system and those of the options.
/// </summary>
internal static class RegistryConnections
{
    /// <summary>Set on requests to the target of a redirect or token server of a remote registry, which must not be this machine.</summary>
    public static readonly HttpRequestOptionsKey<bool> NotToLoopback = new("cvmanager.not-to-loopback");

    /// <exception cref="CvException"><c>RegistryCertificatesInvalid</c>, <c>ProxyInvalid</c>.</exception>
    public static SocketsHttpHandler Open(RegistryClientOptions options)
    {
        return new SocketsHttpHandler
        {
            // The transport follows redirects, without forwarding credentials.
            AllowAutoRedirect = false,
            UseCookies = false,
            ConnectTimeout = TimeSpan.FromSeconds(10),
            PooledConnectionLifetime = TimeSpan.FromMinutes(5),
            ConnectCallback = (context, cancellationToken) => ConnectAsync(context, options.LinkLocalRegistries, cancellationToken),
            Proxy = ProxySettings.OfEnvironment(),
            SslOptions =
            {
                RemoteCertificateValidationCallback = ServerTrust.Of(
                    options.AuthorityFile is null ? null : Read(options.AuthorityFile),
                    orSystem: true
                ),
            },
        };
    }

    /// <summary>Like the default, but blocks addresses that are not allowed, regardless of the host name that resolves to them.</summary>
    private static async ValueTask<Stream> ConnectAsync(
        SocketsHttpConnectionContext context,
        IReadOnlySet<string> linkLocal,
        CancellationToken cancellationToken
    )
    {
        var server = context.DnsEndPoint;
        var addresses = IPAddress.TryParse(server.Host.Trim('[', ']'), out var literal)
            ? [literal]
            : await Dns.GetHostAddressesAsync(server.Host, cancellationToken);
        // If they differ, the server is the proxy.
        var request = context.InitialRequestMessage;
        if (
            request.RequestUri is { } asked
            && asked.Port == server.Port
            && asked.IdnHost.Trim('[', ']').Equals(server.Host.Trim('[', ']'), StringComparison.OrdinalIgnoreCase)
        )
        {
            var allowed = linkLocal.Contains(asked.Authority) || linkLocal.Contains($"{asked.Host}:{asked.Port}");
            var notToLoopback = request.Options.TryGetValue(NotToLoopback, out var set) && set;
            if (
                Array.Find(addresses, a => (!allowed && AddressRules.IsBlocked(a)) || (notToLoopback && AddressRules.IsLoopback(a))) is
                { } refused
            )
                throw new AddressRefusedException(server.Host, refused);
        }

        Socket socket = new(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(addresses, server.Port, cancellationToken);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private static X509Certificate2Collection Read(string path)
    {
        try
        {
            return ServerTrust.ReadFile(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or CryptographicException)
        {
            throw Invalid(path, e.Message, e);
        }
    }

    private static CvException Invalid(string path, string what, Exception? inner = null) =>
        new(
            ErrorIds.RegistryCertificatesInvalid,
            CvErrorKind.Invalid,
            $"Could not read the registries' CA certificates from '{path}': {what}.",
            $"Set {RegistryClientOptions.AuthorityVariable} to a readable file with PEM certificates ('-----BEGIN CERTIFICATE-----').",
            inner
        )
        {
            Target = path,
        };
}
