using System.Collections.Concurrent;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using CvManager.Support.Network;

namespace CvManager.Support.Cluster;

/// <summary>An API server on loopback that sends the same response to each request, and records the requests.</summary>
internal sealed class LoopbackApiServer : LoopbackServer
{
    private readonly SslStreamCertificateContext? _certificate;

    /// <param name="certificate">Null for plain HTTP.</param>
    /// <param name="sent">Intermediate certificates to send.</param>
    public LoopbackApiServer(X509Certificate2? certificate = null, X509Certificate2Collection? sent = null)
    {
        _certificate = certificate is null ? null : SslStreamCertificateContext.Create(certificate, sent, offline: true);
        Start();
    }

    /// <summary>The header lines of each request.</summary>
    public ConcurrentQueue<string[]> Requests { get; } = [];

    /// <summary>The subjects of the certificates that clients sent.</summary>
    public ConcurrentQueue<string> Clients { get; } = [];

    /// <summary>The subjects of the intermediate certificates that clients sent.</summary>
    public ConcurrentQueue<string[]> Chains { get; } = [];

    public string Status { get; set; } = "200 OK";

    public string Body { get; set; } = "{}";

    protected override async Task ServeAsync(Stream client, CancellationToken cancellationToken)
    {
        if (_certificate is null)
        {
            await AnswerAsync(client, cancellationToken);
            return;
        }

        await using SslStream tls = new(client);
        await tls.AuthenticateAsServerAsync(
            new SslServerAuthenticationOptions
            {
                ServerCertificateContext = _certificate,
                ClientCertificateRequired = true,
                RemoteCertificateValidationCallback = (_, shown, chain, _) =>
                {
                    if (shown is not null)
                        Chains.Enqueue([.. chain!.ChainPolicy.ExtraStore.Select(sent => sent.Subject)]);
                    return shown is null || shown.Subject.Length > 0;
                },
            },
            cancellationToken
        );
        if (tls.RemoteCertificate is { } shown)
            Clients.Enqueue(shown.Subject);
        await AnswerAsync(tls, cancellationToken);
    }

    private async Task AnswerAsync(Stream stream, CancellationToken cancellationToken)
    {
        while (await ReadHeadAsync(stream, cancellationToken) is { } head)
        {
            Requests.Enqueue(head);
            var body = Encoding.UTF8.GetBytes(Body);
            await WriteHeadAsync(
                stream,
                cancellationToken,
                $"HTTP/1.1 {Status}",
                "Content-Type: application/json",
                $"Content-Length: {body.Length}"
            );
            await stream.WriteAsync(body, cancellationToken);
        }
    }
}
