using System.Net;

namespace CvManager.Registries.Oci;

/// <summary>The URL of the API of a registry, and which other servers it may refer to.</summary>
internal static class RegistryAddress
{
    /// <summary>The base URL of the API: HTTPS, except for loopback hosts and those that are configured for plain HTTP.</summary>
    public static Uri Of(ImageRepository repository, RegistryClientOptions options)
    {
        // The API of Docker Hub has another host than its references.
        var host = repository.Registry == ImageRepository.DockerHub ? "registry-1.docker.io" : repository.Registry;
        return new Uri($"{(IsPlain(host, options) ? "http" : "https")}://{host}/v2/");
    }

    /// <summary>
    /// Whether a server may redirect to, or name as token server, another one. HTTPS is never downgraded to HTTP. Other hosts with HTTP are
    /// only allowed on loopback or if configured for plain HTTP. A remote server must not refer to this machine.
    /// </summary>
    /// <param name="target">The URL of the redirect or token server.</param>
    /// <param name="server">The server of the original request.</param>
    /// <param name="options">The exceptions that the operator configured.</param>
    public static bool IsTargetAllowed(Uri target, Uri server, RegistryClientOptions options)
    {
        if (target.Scheme is not ("https" or "http") || target.UserInfo.Length > 0)
            return false;
        var sameHost = target.IdnHost.Equals(server.IdnHost, StringComparison.OrdinalIgnoreCase);
        if (!sameHost && AddressRules.NamesLoopback(target) && !AddressRules.NamesLoopback(server))
            return false;
        if (
            AddressRules.Literal(target) is { } address
            && AddressRules.IsBlocked(address)
            && !options.LinkLocalRegistries.Contains(target.Authority)
        )
            return false;
        return target.Scheme == "https"
            || (
                server.Scheme == "http"
                && (sameHost || AddressRules.NamesLoopback(target) || options.PlainHttpRegistries.Contains(target.Authority))
            );
    }

    /// <summary>Whether the target of a server must not resolve to this machine.</summary>
    public static bool MustNotBeLoopback(Uri target, Uri server) =>
        !target.IdnHost.Equals(server.IdnHost, StringComparison.OrdinalIgnoreCase) && !AddressRules.NamesLoopback(server);

    public static bool SameServer(Uri left, Uri right) =>
        Uri.Compare(left, right, UriComponents.SchemeAndServer, UriFormat.Unescaped, StringComparison.OrdinalIgnoreCase) == 0;

    private static bool IsPlain(string registry, RegistryClientOptions options) =>
        options.PlainHttp || options.PlainHttpRegistries.Contains(registry) || IsLoopback(HostOf(registry));

    /// <summary>The host without its port.</summary>
    private static string HostOf(string registry)
    {
        var colon = registry.LastIndexOf(':');
        return colon > registry.LastIndexOf(']') ? registry[..colon] : registry;
    }

    // Addresses in repository names are already canonical.
    private static bool IsLoopback(string host) =>
        host == "localhost" || (IPAddress.TryParse(host.Trim('[', ']'), out var address) && IPAddress.IsLoopback(address));
}
