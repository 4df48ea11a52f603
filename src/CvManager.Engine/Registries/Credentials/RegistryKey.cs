namespace CvManager.Registries.Credentials;

/// <summary>The keys of credentials in docker configs: <c>host[:port][/path]</c>, formerly also with scheme and API version.</summary>
internal static class RegistryKey
{
    /// <summary>The key of Docker Hub in docker configs and credential helpers.</summary>
    public const string DockerHub = "https://index.docker.io/v1/";

    /// <summary>The key for credential helpers.</summary>
    public static string Of(ImageRepository repository) =>
        repository.Registry == ImageRepository.DockerHub ? DockerHub : repository.Registry;

    /// <summary>The length of the path of a key that matches a repository; null if it does not match.</summary>
    public static int? Match(string key, ImageRepository repository)
    {
        var rest = key;
        var scheme = rest.IndexOf("://", StringComparison.Ordinal);
        if (scheme >= 0)
            rest = rest[(scheme + 3)..];
        rest = rest.TrimEnd('/');
        var slash = rest.IndexOf('/', StringComparison.Ordinal);
        var host = slash < 0 ? rest : rest[..slash];
        var path = slash < 0 ? "" : rest[(slash + 1)..];
        if (path is "v1" or "v2")
            path = "";
        host = ImageRepository.CanonicalHost(host);
        var covers =
            HostMatches(host, repository.Registry)
            && (path.Length == 0 || repository.Path == path || repository.Path.StartsWith(path + "/", StringComparison.Ordinal));
        return covers ? path.Length : null;
    }

    // A star matches within one label of a host name (Kubernetes, "Interpretation of config.json").
    private static bool HostMatches(string pattern, string host)
    {
        if (!pattern.Contains('*', StringComparison.Ordinal))
            return pattern.Equals(host, StringComparison.OrdinalIgnoreCase);
        var wanted = pattern.Split('.');
        var parts = host.Split('.');
        return wanted.Length == parts.Length
            && wanted
                .Zip(parts)
                .All(p => System.IO.Enumeration.FileSystemName.MatchesSimpleExpression(p.First, p.Second, ignoreCase: true));
    }
}
