using System.Net;

namespace CvManager.Registries.Oci;

/// <summary>Where a registry's API is, and where it may refer to.</summary>
internal static class RegistryAddress
{
    /// <summary>The API's root: HTTPS, but for hosts on this machine's loopback and those that were named as plain HTTP.</summary>
    public static Uri Of(ImageRepository repository, RegistryClientOptions options)
    {
        // Docker Hub's API is at another name than its references are.
        string host = repository.Registry == ImageRepository.DockerHub ? "registry-1.docker.io" : repository.Registry;
        return new Uri($"{(IsPlain(host, options) ? "http" : "https")}://{host}/v2/");
    }

    /// <summary>
    /// Whether a server's redirect, or the token server that it names, may be asked. HTTP never replaces HTTPS, and is spoken to other hosts
    /// only where both are on loopback or the other one was named as plain HTTP, too; who is elsewhere does not refer to this machine.
    /// </summary>
    /// <param name="target">What is referred to.</param>
    /// <param name="server">The server that the request was made for.</param>
    /// <param name="options">What the operator allows.</param>
    public static bool MayRefer(Uri target, Uri server, RegistryClientOptions options)
    {
        if (target.Scheme is not ("https" or "http") || target.UserInfo.Length > 0)
            return false;
        bool sameHost = target.IdnHost.Equals(server.IdnHost, StringComparison.OrdinalIgnoreCase);
        if (!sameHost && AddressRules.NamesLoopback(target) && !AddressRules.NamesLoopback(server))
            return false;
        if (AddressRules.Literal(target) is { } address && AddressRules.IsRefused(address) && !options.LinkLocalRegistries.Contains(target.Authority))
            return false;
        return target.Scheme == "https" || (server.Scheme == "http"
            && (sameHost || AddressRules.NamesLoopback(target) || options.PlainHttpRegistries.Contains(target.Authority)));
    }

    /// <summary>Whether what a server refers to must not turn out to be this machine.</summary>
    public static bool IsNotForLoopback(Uri target, Uri server) =>
        !target.IdnHost.Equals(server.IdnHost, StringComparison.OrdinalIgnoreCase) && !AddressRules.NamesLoopback(server);

    public static bool SameServer(Uri left, Uri right) =>
        Uri.Compare(left, right, UriComponents.SchemeAndServer, UriFormat.Unescaped, StringComparison.OrdinalIgnoreCase) == 0;

    private static bool IsPlain(string registry, RegistryClientOptions options) =>
        options.PlainHttp || options.PlainHttpRegistries.Contains(registry) || IsLoopback(HostOf(registry));

    /// <summary>A registry's host without its port.</summary>
    private static string HostOf(string registry)
    {
        int colon = registry.LastIndexOf(':');
        return colon > registry.LastIndexOf(']') ? registry[..colon] : registry;
    }

    // The addresses of repositories are canonical already.
    private static bool IsLoopback(string host) =>
        host == "localhost" || (IPAddress.TryParse(host.Trim('[', ']'), out IPAddress? address) && IPAddress.IsLoopback(address));
}
