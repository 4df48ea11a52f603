using System.Globalization;
using System.Security.Authentication;
using System.Text.RegularExpressions;

namespace CvManager;

/// <summary>The cause of a failed TLS connection.</summary>
internal enum TlsFaultKind
{
    /// <summary>The server's certificate was rejected by <see cref="ServerTrust"/>.</summary>
    ServerCertificate,

    /// <summary>The server requires a client certificate, or rejected the one it was sent.</summary>
    ClientCertificate,

    /// <summary>The server does not use TLS.</summary>
    NotTls,

    /// <summary>No common protocol version or cipher suite, or the server does not recognize the name.</summary>
    Handshake,
}

/// <summary>Why a TLS connection failed.</summary>
/// <param name="Kind">The cause.</param>
/// <param name="Why">A clause for messages.</param>
internal sealed partial record TlsFault(TlsFaultKind Kind, string Why)
{
    /// <summary>The offset that OpenSSL adds to the number of an alert in its reason codes (openssl/ssl.h, SSL_AD_REASON_OFFSET).</summary>
    private const int AlertOffset = 1000;

    /// <summary>Null if the failure is not related to TLS. In TLS 1.3, a client certificate is rejected after the handshake.</summary>
    public static TlsFault? Of(Exception failure)
    {
        AuthenticationException? handshake = null;
        var last = failure;
        for (var e = failure; e is not null; e = e.InnerException)
        {
            if (e is CertificateRejectedException)
                return new TlsFault(TlsFaultKind.ServerCertificate, e.Message);
            handshake ??= e as AuthenticationException;
            last = e;
        }

        int? reason = OpenSslReason().Match(last.Message) is { Success: true } match
            ? int.Parse(match.Groups[1].Value, NumberStyles.HexNumber, CultureInfo.InvariantCulture)
            : null;
        return (reason - AlertOffset) switch
        {
            // RFC 8446, 6.2: no_certificate (of SSL 3) to unknown_ca, access_denied, certificate_required.
            (>= 41 and <= 46) or 48 or 49 => new TlsFault(TlsFaultKind.ClientCertificate, "the server rejected the client certificate"),
            116 => new TlsFault(TlsFaultKind.ClientCertificate, "the server requires a client certificate"),
            70 => new TlsFault(TlsFaultKind.Handshake, "the server does not support the offered TLS versions"),
            112 => new TlsFault(TlsFaultKind.Handshake, "the server does not recognize the requested name (SNI)"),
            >= 0 and <= 255 => new TlsFault(
                TlsFaultKind.Handshake,
                "the server aborted the handshake; it may require another cipher suite or a client certificate"
            ),
            _ when handshake is null => null,
            // SslStream reports data that is not TLS without an inner exception.
            _ when handshake.InnerException is null => new TlsFault(TlsFaultKind.NotTls, "the server does not use TLS on this port"),
            _ => new TlsFault(TlsFaultKind.Handshake, $"the handshake failed: {last.Message}"),
        };
    }

    // error:0A00045C:SSL routines::tlsv13 alert certificate required
    [GeneratedRegex("error:0A000([0-9A-F]{3}):", RegexOptions.CultureInvariant | RegexOptions.NonBacktracking)]
    private static partial Regex OpenSslReason();
}

/// <summary>The certificate of the server is not trusted.</summary>
internal sealed class CertificateRejectedException(string message) : AuthenticationException(message);
