using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace CvManager;

/// <summary>
/// Validates server certificates: the requested name must be among the subject alternative names (as in Go, the common name does not
/// count), and the certificate must be for server authentication, currently valid and signed by a trusted authority.
/// </summary>
internal static class ServerTrust
{
    private const long MaxFileBytes = 4 * 1024 * 1024;

    /// <summary>Server authentication (RFC 5280, 4.2.1.12).</summary>
    private static readonly Oid ServerUse = new("1.3.6.1.5.5.7.3.1");

    /// <param name="authorities">The trusted authorities; null for those of the system.</param>
    /// <param name="orSystem">True to also trust the system's authorities.</param>
    /// <remarks>Rejections are thrown, because a callback that returns false cannot report a reason.</remarks>
    public static RemoteCertificateValidationCallback Of(X509Certificate2Collection? authorities, bool orSystem) =>
        (sender, certificate, sent, errors) =>
        {
            if (certificate is not X509Certificate2 server)
                throw new CertificateRejectedException("the server sent no certificate.");
            var name = (sender as SslStream)?.TargetHostName;
            if (
                (errors & ~SslPolicyErrors.RemoteCertificateChainErrors) != SslPolicyErrors.None
                || string.IsNullOrEmpty(name)
                || !server.MatchesHostname(name, allowWildcards: true, allowCommonName: false)
            )
                throw new CertificateRejectedException($"none of its subject alternative names matches '{name}'.");
            var isTrusted =
                (errors == SslPolicyErrors.None && (authorities is null || orSystem))
                || (authorities is not null && (IsSignedBy(authorities, server, sent) || IsSignedByOneOf(authorities, server, sent)));
            return isTrusted ? true : throw new CertificateRejectedException(FaultOf(server, sent));
        };

    /// <summary>PEM certificates; other PEM blocks are ignored.</summary>
    /// <exception cref="CryptographicException">No certificate found, or one is not valid.</exception>
    public static X509Certificate2Collection Parse(string pem)
    {
        X509Certificate2Collection certificates = [];
        certificates.ImportFromPem(pem);
        return certificates.Count > 0 ? certificates : throw new CryptographicException("no certificate found");
    }

    /// <exception cref="IOException">The file could not be read or is too large.</exception>
    /// <exception cref="CryptographicException">As <see cref="Parse"/>.</exception>
    public static X509Certificate2Collection ReadFile(string path)
    {
        FileInfo file = new(path);
        if (file.Exists && file.Length > MaxFileBytes)
            throw new IOException($"file exceeds {MaxFileBytes} bytes");
        return Parse(File.ReadAllText(path));
    }

    private static string FaultOf(X509Certificate2 server, X509Chain? sent)
    {
        var faults = (sent?.ChainStatus ?? []).Aggregate(X509ChainStatusFlags.NoError, (all, status) => all | status.Status);
        return faults.HasFlag(X509ChainStatusFlags.NotTimeValid)
                ? "the certificate or one of its authorities has expired or is not yet valid; the certificate is valid from "
                    + $"{server.NotBefore.ToUniversalTime():u} to {server.NotAfter.ToUniversalTime():u}."
            : faults.HasFlag(X509ChainStatusFlags.NotValidForUsage) ? "its extended key usage does not allow server authentication."
            : "it is not signed by a trusted certificate authority.";
    }

    /// <summary>
    /// Tries authorities one by one: with several of the same name, as during a rotation, .NET builds a chain with one of them only.
    /// </summary>
    private static bool IsSignedByOneOf(X509Certificate2Collection authorities, X509Certificate2 server, X509Chain? sent) =>
        authorities.Count > 1 && authorities.Any(authority => IsSignedBy([authority], server, sent));

    /// <summary>
    /// Any of the authorities, even an intermediate, ends a chain (Go: CertPool). .NET requires a root, so a partial chain or unknown root
    /// is accepted if one of its certificates is an authority; everything else must be valid.
    /// </summary>
    private static bool IsSignedBy(X509Certificate2Collection authorities, X509Certificate2 server, X509Chain? sent)
    {
        using X509Chain chain = new();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.AddRange(authorities);
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.DisableCertificateDownloads = true;
        chain.ChainPolicy.VerificationFlags = X509VerificationFlags.AllowUnknownCertificateAuthority;
        chain.ChainPolicy.ApplicationPolicy.Add(ServerUse);
        chain.ChainPolicy.ExtraStore.AddRange(authorities);
        foreach (var element in sent?.ChainElements ?? Enumerable.Empty<X509ChainElement>())
            chain.ChainPolicy.ExtraStore.Add(element.Certificate);
        return chain.Build(server) && chain.ChainElements.Any(element => authorities.Contains(element.Certificate));
    }
}
