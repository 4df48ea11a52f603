using System.Diagnostics.CodeAnalysis;

namespace CvManager.Web;

/// <summary>Responds to a request. Its exceptions are logged; the client gets status code 500 and no detail.</summary>
public delegate ValueTask<PageResponse> WebPage(PageRequest request, CancellationToken cancellationToken);

/// <summary>A page of the server.</summary>
/// <param name="Method">GET, which also responds to HEAD, or POST.</param>
/// <param name="Path">
/// Segments that are compared as the client sends them; a segment <c>{name}</c> stands for any value
/// (<see cref="PageRequest.RouteValues"/>).
/// </param>
/// <param name="Page">Thread-safe.</param>
public sealed record WebRoute(string Method, string Path, WebPage Page)
{
    private readonly string[] _segments = Path.Split('/');

    /// <summary>A page that is always answered at once, whatever other pages do. It must be fast.</summary>
    public bool IsProbe { get; init; }

    internal bool Allows(string method) => method == Method || (method == "HEAD" && Method == "GET");

    /// <param name="path">As the client sent it.</param>
    /// <param name="values">Those of the segments in braces, decoded; null if the path is another one.</param>
    internal bool TryMatch(string path, [NotNullWhen(true)] out IReadOnlyDictionary<string, string>? values)
    {
        values = null;
        var parts = path.Split('/');
        if (parts.Length != _segments.Length)
            return false;
        Dictionary<string, string> found = new(StringComparer.Ordinal);
        foreach (var (segment, part) in _segments.Zip(parts))
        {
            if (!segment.StartsWith('{'))
            {
                if (segment != part)
                    return false;
                continue;
            }

            // Decoded once: what is then a separator, or still encoded, is no name.
            var value = Uri.UnescapeDataString(part);
            if (value.Length == 0 || value is "." or ".." || value.Any(c => char.IsControl(c) || c is '/' or '\\' or '%'))
                return false;
            found[segment.Trim('{', '}')] = value;
        }

        values = found;
        return true;
    }
}
