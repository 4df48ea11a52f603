using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using CvManager.Support.Network;

namespace CvManager.Unit.Registries;

/// <summary>A registry with TLS and a certificate of a private authority, for reading tags.</summary>
internal sealed class TlsRegistry : LoopbackServer
{
    public static readonly string Digest = "sha256:" + new string('d', 64);

    private readonly X509Certificate2 _certificate;
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("cvm-tls-");

    /// <param name="name">The host name of the certificate.</param>
    public TlsRegistry(string name)
    {
        using var authorityKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        CertificateRequest authority = new("CN=Private authority", authorityKey, HashAlgorithmName.SHA256);
        authority.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, critical: true));
        var now = DateTimeOffset.UtcNow;
        using var root = authority.CreateSelfSigned(now.AddDays(-1), now.AddDays(30));
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        CertificateRequest server = new($"CN={name}", key, HashAlgorithmName.SHA256);
        SubjectAlternativeNameBuilder names = new();
        names.AddDnsName(name);
        server.CertificateExtensions.Add(names.Build());
        server.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid("1.3.6.1.5.5.7.3.1")], critical: false));
        using var signed = server.Create(root, now.AddDays(-1), now.AddDays(29), [1, 2, 3]);
        using var withKey = signed.CopyWithPrivateKey(key);
        _certificate = X509CertificateLoader.LoadPkcs12(withKey.Export(X509ContentType.Pfx), null);
        AuthorityFile = Path.Combine(_folder.FullName, "ca.pem");
        File.WriteAllText(AuthorityFile, root.ExportCertificatePem());
        Start();
    }

    /// <summary>The required user:password; null for none.</summary>
    public string? Login { get; init; }

    public string AuthorityFile { get; }

    /// <summary>The request lines.</summary>
    public System.Collections.Concurrent.ConcurrentQueue<string> Requests { get; } = [];

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        _certificate.Dispose();
        _folder.Delete(recursive: true);
    }

    protected override async Task ServeAsync(Stream client, CancellationToken cancellationToken)
    {
        await using SslStream tls = new(client);
        await tls.AuthenticateAsServerAsync(new SslServerAuthenticationOptions { ServerCertificate = _certificate }, cancellationToken);
        var expected = "Authorization: Basic " + Convert.ToBase64String(Encoding.ASCII.GetBytes(Login ?? ""));
        while (await ReadHeadAsync(tls, cancellationToken) is { } head)
        {
            Requests.Enqueue(head[0]);
            if (Login is not null && !head.Contains(expected))
                await WriteHeadAsync(
                    tls,
                    cancellationToken,
                    "HTTP/1.1 401 Unauthorized",
                    "WWW-Authenticate: Basic realm=\"registry\"",
                    "Content-Length: 0"
                );
            else
                await WriteHeadAsync(
                    tls,
                    cancellationToken,
                    "HTTP/1.1 200 OK",
                    "Content-Type: application/vnd.oci.image.manifest.v1+json",
                    $"Docker-Content-Digest: {Digest}",
                    "Content-Length: 0"
                );
        }
    }
}
