using System.Buffers;
using System.Text;

namespace CvManager.Web;

/// <summary>A request without its body.</summary>
/// <param name="Method">For example GET.</param>
/// <param name="Path">As the client sent it, not decoded: for example <c>/alive</c>.</param>
/// <param name="Query">What follows the question mark, not decoded; empty for none.</param>
/// <param name="Headers">By name, regardless of case; values of repeated headers are separated by a comma.</param>
public sealed record PageRequest(string Method, string Path, string Query, IReadOnlyDictionary<string, string> Headers)
{
    /// <summary>RFC 9110 section 5.6.2.</summary>
    private static readonly SearchValues<char> TokenCharacters = SearchValues.Create(
        "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
    );

    /// <summary>Parses the request line and the headers (RFC 9112), strictly. Pure.</summary>
    /// <param name="head">Ends before the empty line.</param>
    /// <param name="request">Null if it is not valid.</param>
    /// <returns>The status code of the response if it is not valid, else 200.</returns>
    internal static int Parse(ReadOnlySpan<byte> head, out PageRequest? request)
    {
        request = null;
        var lines = Encoding.Latin1.GetString(head).Split("\r\n");
        // A line break that is not CRLF could hide a header from a proxy.
        if (lines.Any(line => line.Any(c => char.IsControl(c) && c != '\t')))
            return 400;
        if (lines[0].Split(' ') is not [var method, var target, var version] || !IsToken(method))
            return 400;
        if (version is not ("HTTP/1.1" or "HTTP/1.0"))
            return version.StartsWith("HTTP/", StringComparison.Ordinal) ? 505 : 400;

        Dictionary<string, string> headers = new(StringComparer.OrdinalIgnoreCase);
        foreach (var line in lines.Skip(1))
        {
            if (line.Split(':', 2) is not [var name, var text] || !IsToken(name))
                return 400;
            var value = text.Trim(' ', '\t');
            if (headers.TryAdd(name, value))
                continue;
            if (name.Equals("Host", StringComparison.OrdinalIgnoreCase))
                return 400;
            headers[name] = $"{headers[name]}, {value}";
        }

        if (version == "HTTP/1.1" && !headers.ContainsKey("Host"))
            return 400;
        // The form with a host is for proxies, but a server has to accept it (RFC 9112 section 3.2.2).
        if (target.StartsWith("http://", StringComparison.OrdinalIgnoreCase))
            target = target.IndexOf('/', "http://".Length) is > 0 and var path ? target[path..] : "/";
        if (!target.StartsWith('/'))
            return 400;
        var parts = target.Split('?', 2);
        request = new PageRequest(method, parts[0], parts.Length > 1 ? parts[1] : "", headers);
        return 200;
    }

    private static bool IsToken(string text) => text.Length > 0 && !text.AsSpan().ContainsAnyExcept(TokenCharacters);
}
