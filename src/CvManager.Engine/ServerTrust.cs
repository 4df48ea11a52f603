using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace CvManager;

/// <summary>
/// Whom a TLS connection takes for the server that it is to: the certificate has to be for the name that was asked for (a subject
/// alternative name, as Go has it; the common name does not count), for servers, valid now, and of a trusted authority.
/// </summary>
internal static class ServerTrust
{
    private const long LargestFile = 4 * 1024 * 1024;

    /// <summary>Server authentication (RFC 5280, 4.2.1.12).</summary>
    private static readonly Oid ServerUse = new("1.3.6.1.5.5.7.3.1");

    /// <param name="authorities">Authorities that are trusted; null for those of the system.</param>
    /// <param name="orSystem">The system's authorities are trusted beside them.</param>
    /// <remarks>A refusal is thrown, with its reason: a callback that returns false is told as nothing but that it did.</remarks>
    public static RemoteCertificateValidationCallback Of(X509Certificate2Collection? authorities, bool orSystem) =>
        (sender, certificate, sent, errors) =>
        {
            if (certificate is not X509Certificate2 server)
                throw new CertificateRefusedException("the server sent no certificate.");
            string? name = (sender as SslStream)?.TargetHostName;
            if ((errors & ~SslPolicyErrors.RemoteCertificateChainErrors) != SslPolicyErrors.None
                || string.IsNullOrEmpty(name) || !server.MatchesHostname(name, allowWildcards: true, allowCommonName: false))
                throw new CertificateRefusedException($"none of its subject alternative names matches '{name}'.");
            bool isTrusted = (errors == SslPolicyErrors.None && (authorities is null || orSystem))
                || (authorities is not null && (IsSignedBy(authorities, server, sent) || IsSignedByOneOf(authorities, server, sent)));
            return isTrusted ? true : throw new CertificateRefusedException(FaultOf(server, sent));
        };

    /// <summary>PEM certificates; other blocks among them are passed over.</summary>
    /// <exception cref="CryptographicException">There is none, or one cannot be read.</exception>
    public static X509Certificate2Collection Parse(string pem)
    {
        X509Certificate2Collection certificates = [];
        certificates.ImportFromPem(pem);
        return certificates.Count > 0 ? certificates : throw new CryptographicException("no certificate found");
    }

    /// <exception cref="IOException">It cannot be read, or is too large.</exception>
    /// <exception cref="CryptographicException">As <see cref="Parse"/>.</exception>
    public static X509Certificate2Collection ReadFile(string path)
    {
        FileInfo file = new(path);
        if (file.Exists && file.Length > LargestFile)
            throw new IOException($"file exceeds {LargestFile} bytes");
        return Parse(File.ReadAllText(path));
    }

    private static string FaultOf(X509Certificate2 server, X509Chain? sent)
    {
        X509ChainStatusFlags faults = (sent?.ChainStatus ?? []).Aggregate(X509ChainStatusFlags.NoError, (all, status) => all | status.Status);
        return faults.HasFlag(X509ChainStatusFlags.NotTimeValid)
            ? "the certificate or one of its authorities has expired or is not yet valid; the certificate is valid from "
                + $"{server.NotBefore.ToUniversalTime():u} to {server.NotAfter.ToUniversalTime():u}."
            : faults.HasFlag(X509ChainStatusFlags.NotValidForUsage) ? "its extended key usage does not allow server authentication."
            : "it is not signed by a trusted certificate authority.";
    }

    /// <summary>Of several authorities of one name, as there are while one is replaced by another, a chain is tried with one only.</summary>
    private static bool IsSignedByOneOf(X509Certificate2Collection authorities, X509Certificate2 server, X509Chain? sent) =>
        authorities.Count > 1 && authorities.Any(authority => IsSignedBy([authority], server, sent));

    /// <summary>
    /// Whatever is among the authorities ends a chain, an intermediate one as well (Go: CertPool). .NET asks for a root there, so a
    /// chain may be partial or its root unknown, as long as one of its certificates is an authority; all else about it has to be right.
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
        foreach (X509ChainElement element in sent?.ChainElements ?? Enumerable.Empty<X509ChainElement>())
            chain.ChainPolicy.ExtraStore.Add(element.Certificate);
        return chain.Build(server) && chain.ChainElements.Any(element => authorities.Contains(element.Certificate));
    }
}
