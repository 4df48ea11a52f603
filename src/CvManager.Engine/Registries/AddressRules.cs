using System.Net;
using System.Net.Sockets;

namespace CvManager.Registries;

/// <summary>Which addresses registries and their redirects must not have (R20).</summary>
internal static class AddressRules
{
    private static readonly IPAddress AmazonMetadata = IPAddress.Parse("fd00:ec2::254");
    private static readonly IPAddress AlibabaMetadata = IPAddress.Parse("100.100.100.200");
    private static readonly IPAddress OracleMetadata = IPAddress.Parse("192.0.0.192");

    /// <summary>
    /// True for link-local and other addresses of the metadata services of clouds, which return credentials of the machine, and for
    /// addresses that are not those of a server (0.0.0.0 reaches this machine).
    /// </summary>
    public static bool IsBlocked(IPAddress address)
    {
        var plain = Plain(address);
        if (plain.AddressFamily == AddressFamily.InterNetwork)
        {
            Span<byte> bytes = stackalloc byte[4];
            plain.TryWriteBytes(bytes, out _);
            return bytes is [0, ..] or [169, 254, ..] or [>= 224, ..] || plain.Equals(AlibabaMetadata) || plain.Equals(OracleMetadata);
        }

        return plain.IsIPv6LinkLocal
            || plain.IsIPv6SiteLocal
            || plain.IsIPv6Multicast
            || plain.Equals(IPAddress.IPv6Any)
            || new IPAddress(plain.GetAddressBytes()).Equals(AmazonMetadata);
    }

    public static bool IsLoopback(IPAddress address) => IPAddress.IsLoopback(Plain(address));

    /// <summary>True if the host name or address is a loopback one, without name resolution.</summary>
    public static bool NamesLoopback(Uri address)
    {
        var host = address.IdnHost.TrimEnd('.');
        return host.Equals("localhost", StringComparison.OrdinalIgnoreCase)
            || host.EndsWith(".localhost", StringComparison.OrdinalIgnoreCase)
            || (Literal(address) is { } literal && IsLoopback(literal));
    }

    /// <summary>The IP address in a URL; null if it has a host name.</summary>
    public static IPAddress? Literal(Uri address) =>
        address.HostNameType is UriHostNameType.IPv4 or UriHostNameType.IPv6
        && IPAddress.TryParse(address.IdnHost.Trim('[', ']').TrimEnd('.'), out var literal)
            ? literal
            : null;

    /// <summary>The IPv4 address in an IPv6 address that is mapped, compatible (RFC 4291, 2.5.5) or NAT64 (RFC 6052).</summary>
    private static IPAddress Plain(IPAddress address)
    {
        if (address.AddressFamily != AddressFamily.InterNetworkV6)
            return address;
        if (address.IsIPv4MappedToIPv6)
            return address.MapToIPv4();
        var bytes = address.GetAddressBytes();
        var compatible =
            bytes.AsSpan(0, 12).IndexOfAnyExcept((byte)0) < 0
            && !address.Equals(IPAddress.IPv6Any)
            && !address.Equals(IPAddress.IPv6Loopback);
        var translated = bytes.AsSpan(0, 12).SequenceEqual((ReadOnlySpan<byte>)[0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0]);
        return compatible || translated ? new IPAddress(bytes.AsSpan(12)) : address;
    }
}

/// <summary>A connection was blocked because of its address.</summary>
internal sealed class AddressRefusedException(string host, IPAddress address)
    : Exception($"The address {address} of {host} is not allowed.")
{
    public string Host => host;

    public IPAddress Address => address;
}
