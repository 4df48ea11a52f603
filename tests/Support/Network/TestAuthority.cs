using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace CvManager.Support.Network;

/// <summary>A certificate authority for tests.</summary>
internal sealed class TestAuthority : IDisposable
{
    public const string ForServers = "1.3.6.1.5.5.7.3.1";
    public const string ForClients = "1.3.6.1.5.5.7.3.2";

    private readonly X509Certificate2 _certificate;

    public TestAuthority(string name = "Test authority", TestAuthority? parent = null)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        CertificateRequest request = new($"CN={name}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, critical: true));
        var now = DateTimeOffset.UtcNow;
        using var signed = parent is null
            ? null
            : request.Create(parent._certificate, now.AddDays(-100), now.AddDays(100), RandomNumberGenerator.GetBytes(8));
        _certificate = signed?.CopyWithPrivateKey(key) ?? request.CreateSelfSigned(now.AddDays(-200), now.AddDays(200));
    }

    public string Pem => _certificate.ExportCertificatePem();

    public X509Certificate2 Certificate => _certificate;

    /// <param name="names">Subject alternative names including addresses; empty for a certificate with only a common name.</param>
    public (X509Certificate2 Certificate, string Pem, string KeyPem) Issue(
        string subject,
        string[] names,
        string? use = ForServers,
        int fromDays = -1,
        int toDays = 50
    )
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        CertificateRequest request = new($"CN={subject}", key, HashAlgorithmName.SHA256);
        SubjectAlternativeNameBuilder alternatives = new();
        foreach (var name in names)
        {
            if (IPAddress.TryParse(name, out var address))
                alternatives.AddIpAddress(address);
            else
                alternatives.AddDnsName(name);
        }

        if (names.Length > 0)
            request.CertificateExtensions.Add(alternatives.Build());
        if (use is not null)
            request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid(use)], critical: false));
        var now = DateTimeOffset.UtcNow;
        using var signed = request.Create(_certificate, now.AddDays(fromDays), now.AddDays(toDays), RandomNumberGenerator.GetBytes(8));
        using var withKey = signed.CopyWithPrivateKey(key);
        return (
            X509CertificateLoader.LoadPkcs12(withKey.Export(X509ContentType.Pfx), null),
            signed.ExportCertificatePem(),
            key.ExportECPrivateKeyPem()
        );
    }

    public void Dispose() => _certificate.Dispose();
}
