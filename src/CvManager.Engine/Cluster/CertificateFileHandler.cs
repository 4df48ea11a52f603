using System.Net;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace CvManager.Cluster;

/// <summary>
/// Sends a client certificate from files that another program rotates (kubelet, cert-manager). The files are read again every minute and
/// after the server rejects the certificate. A new certificate is used for new connections (client-go/transport/cert_rotation.go).
/// Thread-safe.
/// </summary>
internal sealed class CertificateFileHandler : HttpMessageHandler
{
    private static readonly TimeSpan Fresh = TimeSpan.FromMinutes(1);

    private readonly object _lock = new();
    private readonly Func<(string Certificate, string Key)> _read;
    private readonly Func<SslStreamCertificateContext, SocketsHttpHandler> _open;
    private readonly TimeProvider _time;
    private Connections _current;
    private Connections? _former;
    private long _readAt;
    private bool _isRefused;

    /// <param name="read">Reads the certificate, optionally followed by intermediates, and its key as PEM.</param>
    /// <param name="open">Creates the handler of connections that send a certificate.</param>
    /// <param name="time">The clock.</param>
    /// <exception cref="CryptographicException">They are not a certificate and its key.</exception>
    /// <exception cref="IOException">A file could not be read.</exception>
    public CertificateFileHandler(
        Func<(string Certificate, string Key)> read,
        Func<SslStreamCertificateContext, SocketsHttpHandler> open,
        TimeProvider time
    )
    {
        (_read, _open, _time) = (read, open, time);
        (var certificate, var key) = read();
        _current = Connect(certificate, key);
        _readAt = time.GetTimestamp();
    }

    /// <summary>The certificate with the intermediates that follow it. Offline: missing intermediates are not downloaded.</summary>
    /// <exception cref="CryptographicException">The text is not a certificate.</exception>
    public static SslStreamCertificateContext Context(X509Certificate2 own, string certificate) =>
        SslStreamCertificateContext.Create(own, [.. ServerTrust.Parse(certificate).Skip(1)], offline: true);

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        try
        {
            var response = await Current().Invoker.SendAsync(request, cancellationToken);
            if (response.StatusCode == HttpStatusCode.Unauthorized)
                Refused();
            return response;
        }
        catch (HttpRequestException)
        {
            Refused();
            throw;
        }
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            lock (_lock)
            {
                _former?.Dispose();
                _current.Dispose();
            }
        }

        base.Dispose(disposing);
    }

    private void Refused()
    {
        lock (_lock)
            _isRefused = true;
    }

    private Connections Current()
    {
        lock (_lock)
        {
            if (!_isRefused && _time.GetElapsedTime(_readAt) < Fresh)
                return _current;
            (_readAt, _isRefused) = (_time.GetTimestamp(), false);
            try
            {
                (var certificate, var key) = _read();
                if (certificate != _current.Certificate || key != _current.Key)
                {
                    var next = Connect(certificate, key);
                    // Watches on the former connections continue until they end or the certificate changes once more.
                    _former?.Dispose();
                    (_former, _current) = (_current, next);
                }
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException or CryptographicException)
            {
                // Keep the current certificate: the two files are written one after the other.
            }

            return _current;
        }
    }

    private Connections Connect(string certificate, string key)
    {
        var own = ClusterAccess.ReadCertificate(certificate, key);
        try
        {
            return new Connections(new HttpMessageInvoker(_open(Context(own, certificate))), own, certificate, key);
        }
        catch
        {
            own.Dispose();
            throw;
        }
    }

    private sealed record Connections(HttpMessageInvoker Invoker, X509Certificate2 Own, string Certificate, string Key) : IDisposable
    {
        public void Dispose()
        {
            Invoker.Dispose();
            Own.Dispose();
        }
    }
}
