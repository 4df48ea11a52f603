using System.Globalization;
using System.Security.Authentication;
using System.Text.RegularExpressions;

namespace CvManager;

/// <summary>Whose fault it is that no TLS connection came about.</summary>
internal enum TlsFaultKind
{
    /// <summary>The server's certificate: <see cref="ServerTrust"/> refuses it.</summary>
    ServerCertificate,

    /// <summary>The server asks for a client certificate, or does not accept the one that it is shown.</summary>
    ClientCertificate,

    /// <summary>What answers does not speak TLS.</summary>
    NotTls,

    /// <summary>The two have no version or cipher in common, or the server does not know the name.</summary>
    Handshake,
}

/// <param name="Kind">Whose fault it is.</param>
/// <param name="Why">A clause for people.</param>
internal sealed partial record TlsFault(TlsFaultKind Kind, string Why)
{
    /// <summary>OpenSSL's reason for an alert of the peer is its number and this (openssl/ssl.h, SSL_AD_REASON_OFFSET).</summary>
    private const int AlertOffset = 1000;

    /// <summary>Null where a failure to send a request is none of TLS. With TLS 1.3, the refusal of a client certificate comes after the handshake.</summary>
    public static TlsFault? Of(Exception failure)
    {
        AuthenticationException? handshake = null;
        Exception last = failure;
        for (Exception? e = failure; e is not null; e = e.InnerException)
        {
            if (e is CertificateRefusedException)
                return new TlsFault(TlsFaultKind.ServerCertificate, e.Message);
            handshake ??= e as AuthenticationException;
            last = e;
        }

        int? reason = OpenSslReason().Match(last.Message) is { Success: true } match ? int.Parse(match.Groups[1].Value, NumberStyles.HexNumber, CultureInfo.InvariantCulture) : null;
        return (reason - AlertOffset) switch
        {
            // RFC 8446, 6.2: no_certificate (of SSL 3) to unknown_ca, access_denied, certificate_required.
            (>= 41 and <= 46) or 48 or 49 => new TlsFault(TlsFaultKind.ClientCertificate, "the server rejected the client certificate"),
            116 => new TlsFault(TlsFaultKind.ClientCertificate, "the server requires a client certificate"),
            70 => new TlsFault(TlsFaultKind.Handshake, "the server does not support the offered TLS versions"),
            112 => new TlsFault(TlsFaultKind.Handshake, "the server does not recognize the requested name (SNI)"),
            >= 0 and <= 255 => new TlsFault(TlsFaultKind.Handshake, "the server aborted the handshake; it may require another cipher suite or a client certificate"),
            _ when handshake is null => null,
            // SslStream's own word for a record that is none; it has no inner exception.
            _ when handshake.InnerException is null => new TlsFault(TlsFaultKind.NotTls, "the server does not use TLS on this port"),
            _ => new TlsFault(TlsFaultKind.Handshake, $"the handshake failed: {last.Message}"),
        };
    }

    // error:0A00045C:SSL routines::tlsv13 alert certificate required
    [GeneratedRegex("error:0A000([0-9A-F]{3}):", RegexOptions.CultureInvariant | RegexOptions.NonBacktracking)]
    private static partial Regex OpenSslReason();
}

/// <summary>The server's certificate is not one that it may show.</summary>
internal sealed class CertificateRefusedException(string message) : AuthenticationException(message);
