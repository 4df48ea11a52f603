using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace CvManager.Registries;

/// <summary>
/// Connections to registries: over the proxy that the environment names (<see cref="ProxySettings"/>), to servers
/// whose certificates the system trusts, or one of those given beside it.
/// </summary>
internal static class RegistryConnections
{
    /// <param name="authorityFile">PEM certificates that are trusted, too; null for none.</param>
    /// <exception cref="CvException"><c>RegistryCertificatesInvalid</c>, <c>ProxyInvalid</c>.</exception>
    public static SocketsHttpHandler Open(string? authorityFile)
    {
        return new SocketsHttpHandler
        {
            // Redirects are followed by the transport, which leaves the login behind.
            AllowAutoRedirect = false,
            UseCookies = false,
            ConnectTimeout = TimeSpan.FromSeconds(10),
            PooledConnectionLifetime = TimeSpan.FromMinutes(5),
            Proxy = ProxySettings.OfEnvironment(),
            SslOptions = { RemoteCertificateValidationCallback = ServerTrust.Of(authorityFile is null ? null : Read(authorityFile), orSystem: true) },
        };
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
        new("RegistryCertificatesInvalid", CvErrorKind.Invalid, $"The certificates for registries in '{path}' cannot be used: {what}.",
            $"Have {RegistryClientOptions.AuthorityVariable} name a readable file of PEM certificates ('-----BEGIN CERTIFICATE-----').", inner) { Target = path };
}
