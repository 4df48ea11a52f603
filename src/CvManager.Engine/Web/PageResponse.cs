using System.Globalization;
using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;

namespace CvManager.Web;

/// <summary>A response that is complete when it is sent.</summary>
/// <param name="StatusCode">For example 200.</param>
/// <param name="ContentType">For example <c>text/plain; charset=utf-8</c>.</param>
/// <param name="Body">Not sent if the method is HEAD.</param>
public sealed record PageResponse(int StatusCode, string ContentType, ReadOnlyMemory<byte> Body)
{
    /// <summary>The policy of a response that is no HTML page: it loads and runs nothing.</summary>
    internal const string NothingPolicy = "default-src 'none'; frame-ancestors 'none'";

    /// <summary>A smaller body is not compressed.</summary>
    internal const int MinCompressed = 1024;

    /// <summary>The Content-Security-Policy.</summary>
    public string ContentSecurityPolicy { get; init; } = NothingPolicy;

    /// <summary>Headers of this response alone, for example Location.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> Headers { get; private init; } = [];

    /// <summary>
    /// A client may keep it, and asks each time whether it is still current (ETag, If-None-Match). Otherwise nobody may keep it.
    /// </summary>
    public bool IsRevalidated { get; init; }

    /// <summary>Text that a browser shows as it is.</summary>
    public static PageResponse Text(int statusCode, string text) =>
        new(statusCode, "text/plain; charset=utf-8", Encoding.UTF8.GetBytes(text));

    public static PageResponse Json(string json) => new(200, "application/json", Encoding.UTF8.GetBytes(json));

    /// <summary>To another page of this server, which the browser gets with GET.</summary>
    public static PageResponse Redirect(string path) => Of(303).With("Location", path);

    /// <summary>The same with another header.</summary>
    /// <exception cref="ArgumentException">The value contains a control character, which could begin another header.</exception>
    public PageResponse With(string name, string value) =>
        value.Any(char.IsControl)
            ? throw new ArgumentException($"The value of header {name} contains a control character.", nameof(value))
            : this with
            {
                Headers = [.. Headers, KeyValuePair.Create(name, value)],
            };

    /// <summary>A response of the server itself, whose text is that of the status code.</summary>
    internal static PageResponse Of(int statusCode) => Text(statusCode, Reason(statusCode));

    /// <summary>The bytes to send: for this client, with the headers for all responses.</summary>
    /// <param name="request">Null if it could not be parsed.</param>
    /// <param name="isPersistent">True if the connection remains open.</param>
    /// <param name="now">The time of the response.</param>
    internal byte[] ToBytes(PageRequest? request, bool isPersistent, DateTimeOffset now)
    {
        StringBuilder head = new();
        var (status, body) = (StatusCode, Body);
        List<KeyValuePair<string, string>> headers = [.. Headers];
        if (IsRevalidated)
        {
            // Weak: the compressed form has the same tag (RFC 9110 section 8.8.3).
            var tag = $"W/\"{Convert.ToHexString(SHA256.HashData(body.Span).AsSpan(0, 12))}\"";
            headers.Add(new("ETag", tag));
            headers.Add(new("Cache-Control", "private, no-cache"));
            headers.Add(new("Vary", "Accept-Encoding, Authorization, Cookie"));
            if (status == 200 && request?.Header("If-None-Match").Split(',').Any(one => one.Trim() == tag || one.Trim() == "*") == true)
                (status, body) = (304, default);
        }
        else
        {
            headers.Add(new("Cache-Control", "no-store"));
        }

        if (body.Length >= MinCompressed && AcceptsGzip(request))
        {
            body = Compress(body.Span);
            headers.Add(new("Content-Encoding", "gzip"));
        }

        head.Append(CultureInfo.InvariantCulture, $"HTTP/1.1 {status} {Reason(status)}\r\nDate: {now:r}\r\n");
        // The headers of 304 describe the content that the client has.
        if (status != 304)
            head.Append(CultureInfo.InvariantCulture, $"Content-Type: {ContentType}\r\nContent-Length: {body.Length}\r\n");
        head.Append(isPersistent ? "Connection: keep-alive\r\n" : "Connection: close\r\n");
        foreach (var (name, value) in headers)
            head.Append(CultureInfo.InvariantCulture, $"{name}: {value}\r\n");
        head.Append("X-Content-Type-Options: nosniff\r\nX-Frame-Options: DENY\r\nReferrer-Policy: no-referrer\r\n");
        head.Append("Cross-Origin-Resource-Policy: same-origin\r\nCross-Origin-Opener-Policy: same-origin\r\n");
        head.Append(CultureInfo.InvariantCulture, $"Content-Security-Policy: {ContentSecurityPolicy}\r\n\r\n");
        return [.. Encoding.ASCII.GetBytes(head.ToString()), .. request?.Method == "HEAD" ? default : body.Span];
    }

    private static bool AcceptsGzip(PageRequest? request) =>
        request is not null
        && request.Lists("Accept-Encoding", "gzip")
        && !request.Header("Accept-Encoding").Replace(" ", "", StringComparison.Ordinal).Split(',').Any(IsRefusedGzip);

    /// <summary>A quality of zero means "not acceptable" (RFC 9110 section 12.4.2).</summary>
    private static bool IsRefusedGzip(string element) =>
        element.StartsWith("gzip;q=0", StringComparison.OrdinalIgnoreCase) && element["gzip;q=0".Length..].Trim('.', '0').Length == 0;

    private static byte[] Compress(ReadOnlySpan<byte> body)
    {
        using MemoryStream compressed = new();
        using (GZipStream gzip = new(compressed, CompressionLevel.Fastest, leaveOpen: true))
            gzip.Write(body);
        return compressed.ToArray();
    }

    /// <summary>RFC 9110 section 15.</summary>
    private static string Reason(int statusCode) =>
        statusCode switch
        {
            200 => "OK",
            303 => "See Other",
            304 => "Not Modified",
            400 => "Bad Request",
            401 => "Unauthorized",
            403 => "Forbidden",
            404 => "Not Found",
            405 => "Method Not Allowed",
            411 => "Length Required",
            413 => "Content Too Large",
            417 => "Expectation Failed",
            421 => "Misdirected Request",
            429 => "Too Many Requests",
            431 => "Request Header Fields Too Large",
            500 => "Internal Server Error",
            501 => "Not Implemented",
            503 => "Service Unavailable",
            505 => "HTTP Version Not Supported",
            _ => "",
        };
}
