using System.Net;

namespace CvManager;

/// <summary>
/// The proxies of the environment (<c>HTTPS_PROXY</c>, <c>HTTP_PROXY</c>, <c>ALL_PROXY</c>, <c>NO_PROXY</c>, in upper or lower case),
/// interpreted as Go does (golang.org/x/net/http/httpproxy) and with it kubectl, docker and Kubernetes. .NET does not support networks,
/// ports and domains without a leading dot in <c>NO_PROXY</c>. Immutable, thread-safe.
/// </summary>
/// <remarks>
/// As an <see cref="ICredentials"/>, it returns the user info of the proxy URLs, which is removed from the URLs it returns.
/// </remarks>
internal sealed class ProxySettings : IWebProxy, ICredentials
{
    private readonly Uri? _http;
    private readonly Uri? _https;
    private readonly IReadOnlyList<Bypass> _bypasses;
    private readonly bool _none;
    private readonly bool _always;
    private readonly Dictionary<string, NetworkCredential> _logins = new(StringComparer.OrdinalIgnoreCase);

    private ProxySettings(Func<string, string?> environment)
    {
        _https = Read(environment, "HTTPS_PROXY") ?? Read(environment, "ALL_PROXY");
        _http = Read(environment, "HTTP_PROXY") ?? Read(environment, "ALL_PROXY");
        var entries = (Variable(environment, "NO_PROXY").Value ?? "").Split(
            [',', ' ', '\t', '\r', '\n'],
            StringSplitOptions.RemoveEmptyEntries
        );
        _none = entries.Contains("*");
        _bypasses = [.. entries.Select(Bypass.Parse).OfType<Bypass>()];
    }

    private ProxySettings(string proxy, string setting)
    {
        _http = _https = Read(proxy, setting);
        (_bypasses, _always) = ([], true);
    }

    ICredentials? IWebProxy.Credentials
    {
        get => this;
        set => throw new NotSupportedException();
    }

    /// <exception cref="CvException"><c>ProxyInvalid</c>.</exception>
    public static ProxySettings OfEnvironment() => Of(Environment.GetEnvironmentVariable);

    internal static ProxySettings Of(Func<string, string?> environment) => new(environment);

    /// <summary>One proxy for all destinations regardless of NO_PROXY, as the <c>proxy-url</c> of a kubeconfig.</summary>
    /// <exception cref="CvException"><c>ProxyInvalid</c>.</exception>
    public static ProxySettings Always(string proxy, string setting) => new(proxy, setting);

    /// <summary>Null if the destination is reached directly.</summary>
    public Uri? GetProxy(Uri destination)
    {
        ArgumentNullException.ThrowIfNull(destination);
        var proxy = destination.Scheme is "https" or "wss" ? _https : _http;
        return proxy is null || _always || !IsDirect(destination) ? proxy : null;
    }

    public bool IsBypassed(Uri host) => GetProxy(host) is null;

    public NetworkCredential? GetCredential(Uri uri, string authType) => _logins.GetValueOrDefault(uri.Authority);

    private bool IsDirect(Uri destination)
    {
        if (_none)
            return true;
        var host = destination.IdnHost.TrimEnd('.').ToLowerInvariant();
        var address = IPAddress.TryParse(host, out var parsed) ? Plain(parsed) : null;
        if (host == "localhost" || (address is not null && IPAddress.IsLoopback(address)))
            return true;
        return _bypasses.Any(bypass => bypass.Covers(host, address, destination.Port));
    }

    private Uri? Read(Func<string, string?> environment, string name)
    {
        (var used, var value) = Variable(environment, name);
        return value is null ? null : Read(value, used);
    }

    private Uri Read(string value, string setting)
    {
        var text = value.Trim();
        if (
            !Uri.TryCreate(text.Contains("://", StringComparison.Ordinal) ? text : "http://" + text, UriKind.Absolute, out var uri)
            || uri.Scheme is not ("http" or "https" or "socks4" or "socks4a" or "socks5" or "socks5h")
            || uri.Host.Length == 0
        )
        {
            // The value is not quoted: it may contain a password.
            throw new CvException(
                ErrorIds.ProxyInvalid,
                CvErrorKind.Invalid,
                $"{setting} is not a valid proxy address.",
                "Use http://HOST:PORT, https://HOST:PORT or socks5://HOST:PORT, with special characters in a password "
                    + "percent-encoded (%XX)."
            )
            {
                Target = setting,
            };
        }

        // In .NET the proxy always resolves host names, which is what the h means.
        var scheme = uri.Scheme == "socks5h" ? "socks5" : uri.Scheme;
        UriBuilder plain = new(
            scheme,
            uri.Host,
            uri.IsDefaultPort && scheme.StartsWith("socks", StringComparison.Ordinal) ? 1080 : uri.Port
        );
        if (uri.UserInfo.Length > 0)
        {
            var login = uri.UserInfo.Split(':', 2);
            _logins[plain.Uri.Authority] = new NetworkCredential(
                Uri.UnescapeDataString(login[0]),
                login.Length > 1 ? Uri.UnescapeDataString(login[1]) : ""
            );
        }

        return plain.Uri;
    }

    /// <summary>Upper case takes precedence, as in Go; an empty value counts as not set.</summary>
    private static (string Name, string? Value) Variable(Func<string, string?> environment, string name) =>
        environment(name) is { Length: > 0 } value ? (name, value)
        : environment(name.ToLowerInvariant()) is { Length: > 0 } small ? (name.ToLowerInvariant(), small)
        : (name, null);

    private static IPAddress Plain(IPAddress address) => address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;

    /// <summary>One entry of NO_PROXY: a network, or an address or domain with an optional port.</summary>
    private sealed record Bypass(string Domain, bool WithItself, byte[]? Network, int Bits, int? Port)
    {
        public static Bypass? Parse(string entry)
        {
            var text = entry.ToLowerInvariant();
            if (
                text.LastIndexOf('/') is var slash and > 0
                && IPAddress.TryParse(text[..slash].Trim('[', ']'), out var network)
                && int.TryParse(
                    text[(slash + 1)..],
                    System.Globalization.NumberStyles.None,
                    System.Globalization.CultureInfo.InvariantCulture,
                    out var bits
                )
            )
            {
                var bytes = network.GetAddressBytes();
                return bits <= bytes.Length * 8 ? new Bypass("", false, bytes, bits, null) : null;
            }

            (var host, var port) = Split(text);
            if (IPAddress.TryParse(host, out var address))
            {
                var bytes = Plain(address).GetAddressBytes();
                return new Bypass("", false, bytes, bytes.Length * 8, port);
            }

            host = host.TrimEnd('.');
            if (host.StartsWith("*.", StringComparison.Ordinal))
                host = host[1..];
            return host.Length == 0 ? null
                : host[0] == '.' ? new Bypass(host, false, null, 0, port)
                : new Bypass("." + host, true, null, 0, port);
        }

        public bool Covers(string host, IPAddress? address, int port)
        {
            if (Port is { } only && only != port)
                return false;
            if (Network is not null)
                return address is not null && Holds(Network, Bits, address.GetAddressBytes());
            return host.EndsWith(Domain, StringComparison.Ordinal) || (WithItself && host == Domain[1..]);
        }

        private static (string Host, int? Port) Split(string text)
        {
            var colon = text.LastIndexOf(':');
            var hasPort =
                colon >= 0
                && (text.IndexOf(':') == colon || text[colon - 1] == ']')
                && ushort.TryParse(
                    text[(colon + 1)..],
                    System.Globalization.NumberStyles.None,
                    System.Globalization.CultureInfo.InvariantCulture,
                    out _
                );
            return hasPort
                ? (text[..colon].Trim('[', ']'), int.Parse(text[(colon + 1)..], System.Globalization.CultureInfo.InvariantCulture))
                : (text.Trim('[', ']'), null);
        }

        private static bool Holds(byte[] network, int bits, byte[] address)
        {
            if (network.Length != address.Length)
                return false;
            for (var i = 0; i < bits; i++)
            {
                var mask = 0x80 >> (i % 8);
                if ((network[i / 8] & mask) != (address[i / 8] & mask))
                    return false;
            }

            return true;
        }
    }
}
