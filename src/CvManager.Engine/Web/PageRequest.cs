using System.Buffers;
using System.Globalization;
using System.Net;
using System.Text;

namespace CvManager.Web;

/// <summary>A request.</summary>
/// <param name="Method">For example GET.</param>
/// <param name="Path">As the client sent it, not decoded: for example <c>/alive</c>.</param>
/// <param name="Query">What follows the question mark, not decoded; empty for none.</param>
/// <param name="Headers">By name, regardless of case; values of repeated headers are separated by a comma.</param>
public sealed record PageRequest(string Method, string Path, string Query, IReadOnlyDictionary<string, string> Headers)
{
    private const string Http10 = "HTTP/1.0";

    /// <summary>RFC 9110 section 5.6.2.</summary>
    private static readonly SearchValues<char> TokenCharacters = SearchValues.Create(
        "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
    );

    public ReadOnlyMemory<byte> Body { get; init; }

    /// <summary>The values of the segments in braces of <see cref="WebRoute.Path"/>, decoded.</summary>
    public IReadOnlyDictionary<string, string> RouteValues { get; init; } = new Dictionary<string, string>();

    /// <summary>The connection can be used for another request (RFC 9112 section 9.3).</summary>
    internal bool IsPersistent { get; private init; }

    /// <summary>The value of a header; empty for none.</summary>
    public string Header(string name) => Headers.GetValueOrDefault(name, "");

    /// <summary>The first value of a parameter of the query, decoded; null for none.</summary>
    public string? QueryValue(string name) => FormValue(Query, name);

    /// <summary>The first value of a field of a form (application/x-www-form-urlencoded), decoded; null for none.</summary>
    internal static string? FormValue(string form, string name)
    {
        foreach (var pair in form.Split('&'))
        {
            if (pair.Split('=', 2) is [var key, .. var value] && WebUtility.UrlDecode(key) == name)
                return value.Length == 0 ? "" : WebUtility.UrlDecode(value[0]);
        }

        return null;
    }

    /// <summary>True if an element of a header with a list has this name, regardless of case and parameters.</summary>
    internal bool Lists(string header, string name) =>
        Header(header).Split(',').Any(element => element.Split(';', 2)[0].Trim().Equals(name, StringComparison.OrdinalIgnoreCase));

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
        if (version is not ("HTTP/1.1" or Http10))
            return version.StartsWith("HTTP/", StringComparison.Ordinal) ? 505 : 400;

        Dictionary<string, string> headers = new(StringComparer.OrdinalIgnoreCase);
        foreach (var line in lines.Skip(1))
        {
            if (line.Split(':', 2) is not [var name, var text] || !IsToken(name))
                return 400;
            var value = text.Trim(' ', '\t');
            if (headers.TryAdd(name, value))
                continue;
            // Two credentials or two hosts: a proxy could have checked the other one.
            if (name.Equals("Host", StringComparison.OrdinalIgnoreCase) || name.Equals("Authorization", StringComparison.OrdinalIgnoreCase))
                return 400;
            headers[name] = $"{headers[name]}, {value}";
        }

        if (version != Http10 && !headers.ContainsKey("Host"))
            return 400;
        // The form with a host is for proxies, but a server has to accept it (RFC 9112 section 3.2.2).
        if (target.StartsWith("http://", StringComparison.OrdinalIgnoreCase))
            target = target.IndexOf('/', "http://".Length) is > 0 and var path ? target[path..] : "/";
        if (!target.StartsWith('/'))
            return 400;
        var parts = target.Split('?', 2);
        PageRequest read = new(method, parts[0], parts.Length > 1 ? parts[1] : "", headers);
        request = read with { IsPersistent = version != Http10 && !read.Lists("Connection", "close") };
        return 200;
    }

    /// <summary>How long the body is, according to the headers (RFC 9112 section 6.3). Pure.</summary>
    /// <returns>The status code of the response if there is no length, or too large a one; else 200.</returns>
    internal int ParseLength(int limit, out int length)
    {
        length = 0;
        var hasLength = Headers.TryGetValue("Content-Length", out var text);
        if (Headers.TryGetValue("Transfer-Encoding", out var coding))
        {
            // A proxy could see the end of the body elsewhere.
            if (hasLength)
                return 400;
            return coding.Equals("chunked", StringComparison.OrdinalIgnoreCase) ? 411 : 501;
        }

        if (!hasLength)
            return 200;
        if (text!.Length == 0 || !text.All(char.IsAsciiDigit))
            return 400;
        return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out length) && length <= limit ? 200 : 413;
    }

    private static bool IsToken(string text) => text.Length > 0 && !text.AsSpan().ContainsAnyExcept(TokenCharacters);
}
