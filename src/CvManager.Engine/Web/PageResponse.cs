using System.Globalization;
using System.Text;

namespace CvManager.Web;

/// <summary>Responds to a request. Its exceptions are logged; the client gets status code 500 and no detail.</summary>
public delegate ValueTask<PageResponse> WebPage(PageRequest request, CancellationToken cancellationToken);

/// <summary>A response that is complete when it is sent.</summary>
/// <param name="StatusCode">For example 200.</param>
/// <param name="ContentType">For example <c>text/plain; charset=utf-8</c>.</param>
/// <param name="Body">Not sent if the method is HEAD.</param>
public sealed record PageResponse(int StatusCode, string ContentType, ReadOnlyMemory<byte> Body)
{
    /// <summary>Text that a browser shows as it is.</summary>
    public static PageResponse Text(int statusCode, string text) =>
        new(statusCode, "text/plain; charset=utf-8", Encoding.UTF8.GetBytes(text));

    public static PageResponse Json(string json) => new(200, "application/json", Encoding.UTF8.GetBytes(json));

    /// <summary>A response of the server itself, whose text is that of the status code.</summary>
    internal static PageResponse Of(int statusCode) => Text(statusCode, Reason(statusCode));

    /// <summary>The bytes to send, with the headers for all responses: nothing is cached, framed, or taken for another type.</summary>
    internal byte[] ToBytes(bool headOnly, DateTimeOffset now)
    {
        StringBuilder head = new();
        head.Append(CultureInfo.InvariantCulture, $"HTTP/1.1 {StatusCode} {Reason(StatusCode)}\r\n");
        head.Append(CultureInfo.InvariantCulture, $"Date: {now:r}\r\n");
        head.Append(CultureInfo.InvariantCulture, $"Content-Type: {ContentType}\r\nContent-Length: {Body.Length}\r\n");
        if (StatusCode == 405)
            head.Append("Allow: GET, HEAD\r\n");
        head.Append("Connection: close\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n");
        head.Append("Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\n\r\n");
        return [.. Encoding.ASCII.GetBytes(head.ToString()), .. headOnly ? default : Body.Span];
    }

    /// <summary>RFC 9110 section 15.</summary>
    private static string Reason(int statusCode) =>
        statusCode switch
        {
            200 => "OK",
            400 => "Bad Request",
            404 => "Not Found",
            405 => "Method Not Allowed",
            431 => "Request Header Fields Too Large",
            500 => "Internal Server Error",
            503 => "Service Unavailable",
            505 => "HTTP Version Not Supported",
            _ => "",
        };
}
