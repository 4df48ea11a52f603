using System.Net;

namespace CvManager.Registries.Oci;

/// <summary>Where a registry's API is.</summary>
internal static class RegistryAddress
{
    /// <summary>The API's root: HTTPS, but for hosts on this machine's loopback and those that were named as plain HTTP.</summary>
    public static Uri Of(ImageRepository repository, RegistryClientOptions options)
    {
        // Docker Hub's API is at another name than its references are.
        string host = repository.Registry == ImageRepository.DockerHub ? "registry-1.docker.io" : repository.Registry;
        return new Uri($"{(IsPlain(host, options) ? "http" : "https")}://{host}/v2/");
    }

    public static bool IsPlain(string registry, RegistryClientOptions options) =>
        options.PlainHttp || IsLoopback(HostOf(registry)) || options.PlainHttpRegistries.Contains(registry);

    /// <summary>A registry's host without its port.</summary>
    public static string HostOf(string registry)
    {
        int colon = registry.LastIndexOf(':');
        return colon > registry.LastIndexOf(']') ? registry[..colon] : registry;
    }

    public static bool IsLoopback(string host) =>
        host.Equals("localhost", StringComparison.OrdinalIgnoreCase)
        || (IPAddress.TryParse(host.Trim('[', ']'), out IPAddress? address) && IPAddress.IsLoopback(address));
}
