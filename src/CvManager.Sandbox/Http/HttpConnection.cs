using System.Globalization;
using System.Net;
using System.Text;
using CvManager.Sandbox.Api;

namespace CvManager.Sandbox.Http;

/// <summary>One HTTP/1.1 connection (RFC 9112). Requests are served one at a time.</summary>
internal sealed class HttpConnection(Stream stream, ApiServer server)
{
    private readonly HttpLineReader reader = new(stream);

    /// <summary>Serves requests until the client closes the connection, requests its close, or sends invalid HTTP.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        try
        {
            while (await ReadHeadAsync(cancellationToken).ConfigureAwait(false) is HttpRequestHead head)
            {
                if (!await ServeAsync(head, cancellationToken).ConfigureAwait(false))
                    return;
            }
        }
        catch (InvalidDataException error)
        {
            await WriteAsync(ApiResponse.FromText(error.Message, 400), close: true, headOnly: false, cancellationToken).ConfigureAwait(false);
        }
    }

    private async ValueTask<HttpRequestHead?> ReadHeadAsync(CancellationToken cancellationToken)
    {
        string? line = await reader.ReadLineAsync(cancellationToken).ConfigureAwait(false);
        if (line is null)
            return null;
        string[] parts = line.Split(' ');
        if (parts.Length != 3 || !parts[2].StartsWith("HTTP/1.", StringComparison.Ordinal))
            throw new InvalidDataException("malformed request line");
        var headers = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        while (await reader.ReadLineAsync(cancellationToken).ConfigureAwait(false) is { Length: > 0 } header)
        {
            int colon = header.IndexOf(':', StringComparison.Ordinal);
            if (colon <= 0)
                throw new InvalidDataException("malformed header");
            string name = header[..colon];
            string value = header[(colon + 1)..].Trim();
            headers[name] = headers.TryGetValue(name, out string? before) ? $"{before}, {value}" : value;
        }
        return new HttpRequestHead(parts[0], parts[1], headers);
    }

    /// <returns>True if the connection stays open.</returns>
    private async ValueTask<bool> ServeAsync(HttpRequestHead head, CancellationToken cancellationToken)
    {
        var body = HttpBodyStream.Create(reader, head);
        if (body is not null && head["Expect"].Equals("100-continue", StringComparison.OrdinalIgnoreCase))
            await stream.WriteAsync("HTTP/1.1 100 Continue\r\n\r\n"u8.ToArray(), cancellationToken).ConfigureAwait(false);
        string target = head.Target.StartsWith('/') ? head.Target : new Uri(head.Target).PathAndQuery;
        var (path, query) = ApiRequest.ParseTarget(target);
        var response = await server.HandleAsync(new ApiRequest
        {
            Method = head.Method == "HEAD" ? "GET" : head.Method,
            Path = path,
            RawPathAndQuery = target,
            Query = query,
            Accept = head["Accept"],
            ContentType = head["Content-Type"],
            Authorization = head["Authorization"],
            UserAgent = head["User-Agent"],
            Body = body,
        }, cancellationToken).ConfigureAwait(false);
        // An unread rest of the body would be parsed as the next request.
        bool close = head["Connection"].Contains("close", StringComparison.OrdinalIgnoreCase) || body is { IsAtEnd: false };
        await WriteAsync(response, close, head.Method == "HEAD", cancellationToken).ConfigureAwait(false);
        return !close;
    }

    private async Task WriteAsync(ApiResponse response, bool close, bool headOnly, CancellationToken cancellationToken)
    {
        var head = new StringBuilder();
        head.Append(CultureInfo.InvariantCulture, $"HTTP/1.1 {response.StatusCode} {ReasonPhrase(response.StatusCode)}\r\n");
        head.Append(CultureInfo.InvariantCulture, $"Content-Type: {response.ContentType}\r\n");
        foreach (string warning in response.Warnings)
            head.Append(CultureInfo.InvariantCulture, $"Warning: {WarningHeader.Format(warning)}\r\n");
        if (response.RetryAfterSeconds is int seconds)
            head.Append(CultureInfo.InvariantCulture, $"Retry-After: {seconds}\r\n");
        if (close)
            head.Append("Connection: close\r\n");
        if (response.Stream is null)
        {
            head.Append(CultureInfo.InvariantCulture, $"Content-Length: {response.Body.Length}\r\n\r\n");
            byte[] bytes = Encoding.UTF8.GetBytes(head.ToString());
            await stream.WriteAsync(headOnly ? bytes : (byte[])[.. bytes, .. response.Body.Span], cancellationToken).ConfigureAwait(false);
            return;
        }
        head.Append("Transfer-Encoding: chunked\r\n\r\n");
        await using (response.Stream.ConfigureAwait(false))
        {
            await stream.WriteAsync(Encoding.UTF8.GetBytes(head.ToString()), cancellationToken).ConfigureAwait(false);
            if (!headOnly)
                await WriteChunksAsync(response.Stream, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Copies a watch until it ends or the client closes the connection.</summary>
    private async Task WriteChunksAsync(Stream source, CancellationToken cancellationToken)
    {
        using var disconnected = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var closing = WaitForCloseAsync(disconnected);
        var buffer = new byte[32 * 1024];
        try
        {
            int read;
            while ((read = await source.ReadAsync(buffer, disconnected.Token).ConfigureAwait(false)) > 0)
            {
                byte[] chunk = [.. Encoding.ASCII.GetBytes($"{read:x}\r\n"), .. buffer.AsSpan(0, read), .. "\r\n"u8];
                await stream.WriteAsync(chunk, disconnected.Token).ConfigureAwait(false);
            }
            await stream.WriteAsync("0\r\n\r\n"u8.ToArray(), disconnected.Token).ConfigureAwait(false);
        }
        finally
        {
            await disconnected.CancelAsync().ConfigureAwait(false);
            await closing.ConfigureAwait(false);
        }
    }

    private async Task WaitForCloseAsync(CancellationTokenSource disconnected)
    {
        try
        {
            if (!await reader.WaitForDataAsync(disconnected.Token).ConfigureAwait(false))
                await disconnected.CancelAsync().ConfigureAwait(false);
        }
        catch (Exception error) when (error is IOException or ObjectDisposedException)
        {
            await disconnected.CancelAsync().ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // The watch ended first.
        }
    }

    private static string ReasonPhrase(int status) => status switch
    {
        422 => "Unprocessable Entity",
        429 => "Too Many Requests",
        _ => ((HttpStatusCode)status).ToString(),
    };
}

/// <summary>The request line and headers of one request.</summary>
internal sealed record HttpRequestHead(string Method, string Target, IReadOnlyDictionary<string, string> Headers)
{
    /// <summary>Empty if the header is missing.</summary>
    public string this[string name] => Headers.GetValueOrDefault(name, "");
}
