using System.Diagnostics.CodeAnalysis;
using System.Text.RegularExpressions;

namespace CvManager.Registries;

/// <summary>
/// A repository of images: a registry's host and a path in it. Docker Hub's short names are understood as the distribution project's
/// reference grammar has them (<c>nginx</c> is <c>docker.io/library/nginx</c>). Two are equal where they are the same repository,
/// however they were written.
/// </summary>
public sealed partial class ImageRepository : IEquatable<ImageRepository>
{
    /// <summary>Docker Hub's name in references. (Its API has another one: see the registry's client.)</summary>
    public const string DockerHub = "docker.io";

    private const string OfficialPrefix = "library/";
    private const int LongestName = 255;

    private readonly string _written;

    private ImageRepository(string written, string registry, string path)
    {
        _written = written;
        Registry = registry;
        Path = path;
    }

    /// <summary>Host name and, where one was given, port: <c>docker.io</c>, <c>localhost:5000</c>, <c>[::1]:5000</c>.</summary>
    public string Registry { get; }

    /// <summary>The path in the registry, without host: <c>library/nginx</c>.</summary>
    public string Path { get; }

    /// <exception cref="CvException"><c>ImageRepositoryInvalid</c>.</exception>
    public static ImageRepository Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (TryParse(text, out ImageRepository? repository))
            return repository;
        string remedy = ImageReference.TryParse(text, out ImageReference? reference)
            ? $"Remove the tag and digest: '{reference.Repository}'."
            : "Use [host[:port]/]path with the path in lower case, for example 'nginx' or 'registry.example.com:5000/team/app'.";
        throw new CvException(ErrorIds.ImageRepositoryInvalid, CvErrorKind.Invalid, $"'{text}' is not a valid image repository.", remedy) { Target = text };
    }

    public static bool TryParse([NotNullWhen(true)] string? text, [NotNullWhen(true)] out ImageRepository? repository)
    {
        repository = null;
        if (string.IsNullOrEmpty(text) || text.Length > LongestName + 64)
            return false;

        int slash = text.IndexOf('/', StringComparison.Ordinal);
        string host = DockerHub;
        string path = text;
        if (slash > 0 && IsHost(text[..slash]))
        {
            host = text[..slash];
            path = text[(slash + 1)..];
        }

        host = CanonicalHost(host);
        if (host == DockerHub && !path.Contains('/', StringComparison.Ordinal))
            path = OfficialPrefix + path;
        if (!HostPattern().IsMatch(host) || !IsCanonical(ref host) || !PathPattern().IsMatch(path) || host.Length + 1 + path.Length > LongestName)
            return false;
        repository = new ImageRepository(text, host, path);
        return true;
    }

    /// <summary>
    /// A host (and port) as all ways to write it are compared: in lower case, and Docker Hub, which has four names, by that of its references.
    /// </summary>
    internal static string CanonicalHost(string host)
    {
        string lower = host.ToLowerInvariant();
        return lower is "index.docker.io" or "registry-1.docker.io" or "registry.hub.docker.com" ? DockerHub : lower;
    }

    /// <summary>
    /// Whether an address, where a host is one, is written as addresses are: <c>127.1</c>, <c>0x7f000001</c> and <c>2130706433</c> are
    /// 127.0.0.1 to some programs and host names to others. IPv6 addresses are brought into their shortest form.
    /// </summary>
    private static bool IsCanonical(ref string host)
    {
        if (!Uri.TryCreate($"https://{host}/", UriKind.Absolute, out Uri? address) || address.Port == 0)
            return false;
        string name = address.Host;
        if (address.HostNameType == UriHostNameType.IPv6)
        {
            if (!System.Net.IPAddress.TryParse(name.Trim('[', ']'), out System.Net.IPAddress? parsed) || parsed.IsIPv4MappedToIPv6)
                return false;
            host = name + host[(host.IndexOf(']', StringComparison.Ordinal) + 1)..];
            return true;
        }

        // A last part of digits makes it an address (WHATWG URL, "ends in a number"), which has to be one of four numbers.
        string written = host[..(host.IndexOf(':', StringComparison.Ordinal) is var colon and >= 0 ? colon : host.Length)];
        string last = written[(written.LastIndexOf('.') + 1)..];
        bool numeric = last.All(char.IsAsciiDigit) || (last.StartsWith("0x", StringComparison.Ordinal) && last[2..].All(char.IsAsciiHexDigit));
        return name == written && (!numeric || address.HostNameType == UriHostNameType.IPv4);
    }

    /// <summary>As it was written.</summary>
    public override string ToString() => _written;

    /// <summary>Host and path, nothing left out: <c>docker.io/library/nginx</c>.</summary>
    public string ToFullString() => $"{Registry}/{Path}";

    public bool Equals(ImageRepository? other) =>
        other is not null && string.Equals(Registry, other.Registry, StringComparison.OrdinalIgnoreCase) && Path == other.Path;

    public override bool Equals(object? obj) => Equals(obj as ImageRepository);

    public override int GetHashCode() => HashCode.Combine(StringComparer.OrdinalIgnoreCase.GetHashCode(Registry), Path);

    public static bool operator ==(ImageRepository? left, ImageRepository? right) => left is null ? right is null : left.Equals(right);

    public static bool operator !=(ImageRepository? left, ImageRepository? right) => !(left == right);

    // The first part is a host when it cannot be a path component of Docker Hub (reference.go, splitDockerDomain).
    private static bool IsHost(string first) =>
        first.AsSpan().IndexOfAny('.', ':') >= 0 || first == "localhost" || first.Any(char.IsAsciiLetterUpper);

    [GeneratedRegex(@"\A(?:(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])(?:\.(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9]))*|\[[a-fA-F0-9:]+\])(?::[0-9]{1,5})?\z", RegexOptions.CultureInvariant | RegexOptions.NonBacktracking)]
    private static partial Regex HostPattern();

    [GeneratedRegex(@"\A[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*\z", RegexOptions.CultureInvariant | RegexOptions.NonBacktracking)]
    private static partial Regex PathPattern();
}
