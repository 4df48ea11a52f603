using System.Diagnostics.CodeAnalysis;
using System.Text.RegularExpressions;

namespace CvManager.Registries;

/// <summary>
/// An image repository: the host of a registry and a path in it. Short names of Docker Hub are expanded as in the reference grammar of the
/// distribution project (<c>nginx</c> is <c>docker.io/library/nginx</c>). Equality compares the repository, not its spelling.
/// </summary>
public sealed partial class ImageRepository : IEquatable<ImageRepository>
{
    /// <summary>The host of Docker Hub in references. (Its API has another host.)</summary>
    public const string DockerHub = "docker.io";

    private const string OfficialPrefix = "library/";
    private const int MaxNameLength = 255;

    private readonly string _written;

    private ImageRepository(string written, string registry, string path)
    {
        _written = written;
        Registry = registry;
        Path = path;
    }

    /// <summary>Host name and optional port: <c>docker.io</c>, <c>localhost:5000</c>, <c>[::1]:5000</c>.</summary>
    public string Registry { get; }

    /// <summary>The path in the registry: <c>library/nginx</c>.</summary>
    public string Path { get; }

    /// <summary>The same repository, written as host and path.</summary>
    internal ImageRepository Canonical => new(ToFullString(), Registry, Path);

    /// <exception cref="CvException"><c>ImageRepositoryInvalid</c>.</exception>
    public static ImageRepository Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (TryParse(text, out var repository))
            return repository;
        var remedy = ImageReference.TryParse(text, out var reference)
            ? $"Remove the tag and digest: '{reference.Repository}'."
            : "Use [host[:port]/]path with the path in lower case, for example 'nginx' or 'registry.example.com:5000/team/app'.";
        throw new CvException(ErrorIds.ImageRepositoryInvalid, CvErrorKind.Invalid, $"'{text}' is not a valid image repository.", remedy)
        {
            Target = text,
        };
    }

    public static bool TryParse([NotNullWhen(true)] string? text, [NotNullWhen(true)] out ImageRepository? repository)
    {
        repository = null;
        if (string.IsNullOrEmpty(text) || text.Length > MaxNameLength + 64)
            return false;

        var slash = text.IndexOf('/', StringComparison.Ordinal);
        var host = DockerHub;
        var path = text;
        if (slash > 0 && IsHost(text[..slash]))
        {
            host = text[..slash];
            path = text[(slash + 1)..];
        }

        host = CanonicalHost(host);
        if (host == DockerHub && !path.Contains('/', StringComparison.Ordinal))
            path = OfficialPrefix + path;
        if (
            !HostPattern().IsMatch(host)
            || !IsCanonical(ref host)
            || !PathPattern().IsMatch(path)
            || host.Length + 1 + path.Length > MaxNameLength
        )
            return false;
        repository = new ImageRepository(text, host, path);
        return true;
    }

    /// <summary>
    /// The canonical form of a host and port: lower case, and <see cref="DockerHub"/> for the other names of Docker Hub.
    /// </summary>
    internal static string CanonicalHost(string host)
    {
        var lower = host.ToLowerInvariant();
        return lower is "index.docker.io" or "registry-1.docker.io" or "registry.hub.docker.com" ? DockerHub : lower;
    }

    /// <summary>
    /// False for ambiguous spellings of IP addresses: <c>127.1</c>, <c>0x7f000001</c> and <c>2130706433</c> are 127.0.0.1 to some programs
    /// and host names to others. IPv6 addresses are converted to their shortest form.
    /// </summary>
    private static bool IsCanonical(ref string host)
    {
        if (!Uri.TryCreate($"https://{host}/", UriKind.Absolute, out var address) || address.Port == 0)
            return false;
        var name = address.Host;
        if (address.HostNameType == UriHostNameType.IPv6)
        {
            if (!System.Net.IPAddress.TryParse(name.Trim('[', ']'), out var parsed) || parsed.IsIPv4MappedToIPv6)
                return false;
            host = name + host[(host.IndexOf(']', StringComparison.Ordinal) + 1)..];
            return true;
        }

        // A numeric last label makes it an IPv4 address (WHATWG URL, "ends in a number"), which must have four numbers.
        var written = host[..(host.IndexOf(':', StringComparison.Ordinal) is var colon and >= 0 ? colon : host.Length)];
        var last = written[(written.LastIndexOf('.') + 1)..];
        var numeric =
            last.All(char.IsAsciiDigit) || (last.StartsWith("0x", StringComparison.Ordinal) && last[2..].All(char.IsAsciiHexDigit));
        return name == written && (!numeric || address.HostNameType == UriHostNameType.IPv4);
    }

    /// <summary>The original spelling.</summary>
    public override string ToString() => _written;

    /// <summary>Host and path: <c>docker.io/library/nginx</c>.</summary>
    public string ToFullString() => $"{Registry}/{Path}";

    public bool Equals(ImageRepository? other) =>
        other is not null && string.Equals(Registry, other.Registry, StringComparison.OrdinalIgnoreCase) && Path == other.Path;

    public override bool Equals(object? obj) => Equals(obj as ImageRepository);

    public override int GetHashCode() => HashCode.Combine(StringComparer.OrdinalIgnoreCase.GetHashCode(Registry), Path);

    public static bool operator ==(ImageRepository? left, ImageRepository? right) => left is null ? right is null : left.Equals(right);

    public static bool operator !=(ImageRepository? left, ImageRepository? right) => !(left == right);

    // The first component is a host if it cannot be a path component of Docker Hub (reference.go, splitDockerDomain).
    private static bool IsHost(string first) =>
        first.AsSpan().IndexOfAny('.', ':') >= 0 || first == "localhost" || first.Any(char.IsAsciiLetterUpper);

    [GeneratedRegex(
        @"\A(?:(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])(?:\.(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9]))*|\[[a-fA-F0-9:]+\])(?::[0-9]{1,5})?\z",
        RegexOptions.CultureInvariant | RegexOptions.NonBacktracking
    )]
    private static partial Regex HostPattern();

    [GeneratedRegex(
        @"\A[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*\z",
        RegexOptions.CultureInvariant | RegexOptions.NonBacktracking
    )]
    private static partial Regex PathPattern();
}
