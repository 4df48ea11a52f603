using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace CvManager.Registries;

/// <summary>
/// Connections to registries: over the proxy that the environment names (<c>HTTPS_PROXY</c>, <c>HTTP_PROXY</c>, <c>NO_PROXY</c>), to servers
/// whose certificates the system trusts, or one of those given beside it.
/// </summary>
internal static class RegistryConnections
{
    private const long LargestFile = 4 * 1024 * 1024;

    /// <param name="authorityFile">PEM certificates that are trusted, too; null for none.</param>
    /// <exception cref="CvException"><c>RegistryCertificatesInvalid</c>.</exception>
    public static SocketsHttpHandler Open(string? authorityFile)
    {
        SocketsHttpHandler handler = new()
        {
            // Redirects are followed by the transport, which leaves the login behind.
            AllowAutoRedirect = false,
            UseCookies = false,
            ConnectTimeout = TimeSpan.FromSeconds(10),
            PooledConnectionLifetime = TimeSpan.FromMinutes(5),
        };
        if (authorityFile is not null)
        {
            X509Certificate2Collection authorities = Read(authorityFile);
            handler.SslOptions.RemoteCertificateValidationCallback = (_, certificate, chain, errors) => IsTrusted(authorities, certificate, chain, errors);
        }

        return handler;
    }

    /// <summary>What the system does not trust may still come from one of those authorities; a wrong name is wrong whoever signed it.</summary>
    private static bool IsTrusted(X509Certificate2Collection authorities, X509Certificate? certificate, X509Chain? sent, SslPolicyErrors errors)
    {
        if (errors == SslPolicyErrors.None)
            return true;
        if (errors != SslPolicyErrors.RemoteCertificateChainErrors || certificate is not X509Certificate2 server)
            return false;
        using X509Chain chain = new();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.AddRange(authorities);
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        // Server authentication (RFC 5280, 4.2.1.12).
        chain.ChainPolicy.ApplicationPolicy.Add(new Oid("1.3.6.1.5.5.7.3.1"));
        foreach (X509ChainElement element in sent?.ChainElements ?? Enumerable.Empty<X509ChainElement>())
            chain.ChainPolicy.ExtraStore.Add(element.Certificate);
        return chain.Build(server);
    }

    private static X509Certificate2Collection Read(string path)
    {
        try
        {
            FileInfo file = new(path);
            if (file.Exists && file.Length > LargestFile)
                throw Invalid(path, $"it has more than {LargestFile} bytes");
            X509Certificate2Collection certificates = [];
            certificates.ImportFromPemFile(path);
            return certificates.Count > 0 ? certificates : throw Invalid(path, "there is no certificate in it");
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
