using System.Globalization;
using System.Net;
using System.Text;
using CvManager.Sandbox.Api;
using CvManager.Sandbox.Http;

namespace CvManager.Sandbox.Transport;

/// <summary>One HTTP/1.1 connection (RFC 9112). Requests are served one at a time.</summary>
internal sealed class HttpConnection(Stream stream, ApiServer server)
{
    private readonly HttpLineReader _reader = new(stream);

    /// <summary>Serves requests until the client closes the connection, requests its close, or sends invalid HTTP.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        try
        {
            while (await ReadHeadAsync(cancellationToken) is HttpRequestHead head)
            {
                if (!await ServeAsync(head, cancellationToken))
                    return;
            }
        }
        catch (InvalidDataException e)
        {
            await WriteAsync(ApiResponse.FromText(e.Message, 400), close: true, headOnly: false, cancellationToken);
        }
    }

    private async ValueTask<HttpRequestHead?> ReadHeadAsync(CancellationToken cancellationToken)
    {
        var line = await _reader.ReadLineAsync(cancellationToken);
        if (line is null)
            return null;
        var parts = line.Split(' ');
        if (parts.Length != 3 || !parts[2].StartsWith("HTTP/1.", StringComparison.Ordinal))
            throw new InvalidDataException("malformed request line");
        var headers = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        while (await _reader.ReadLineAsync(cancellationToken) is { Length: > 0 } header)
        {
            var colon = header.IndexOf(':', StringComparison.Ordinal);
            if (colon <= 0)
                throw new InvalidDataException("malformed header");
            var name = header[..colon];
            var value = header[(colon + 1)..].Trim();
            headers[name] = headers.TryGetValue(name, out var before) ? $"{before}, {value}" : value;
        }
        return new HttpRequestHead(parts[0], parts[1], headers);
    }

    /// <returns>True if the connection stays open.</returns>
    private async ValueTask<bool> ServeAsync(HttpRequestHead head, CancellationToken cancellationToken)
    {
        var body = HttpBodyStream.Create(_reader, head);
        if (body is not null && head["Expect"].Equals("100-continue", StringComparison.OrdinalIgnoreCase))
            await stream.WriteAsync("HTTP/1.1 100 Continue\r\n\r\n"u8.ToArray(), cancellationToken);
        var target = head.Target.StartsWith('/') ? head.Target : new Uri(head.Target).PathAndQuery;
        var (path, query) = ApiRequest.ParseTarget(target);
        var response = await server.HandleAsync(
            new ApiRequest
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
            },
            cancellationToken
        );
        // An unread rest of the body would be parsed as the next request.
        var close = head["Connection"].Contains("close", StringComparison.OrdinalIgnoreCase) || body is { IsAtEnd: false };
        await WriteAsync(response, close, head.Method == "HEAD", cancellationToken);
        return !close;
    }

    private async Task WriteAsync(ApiResponse response, bool close, bool headOnly, CancellationToken cancellationToken)
    {
        var head = new StringBuilder();
        head.Append(CultureInfo.InvariantCulture, $"HTTP/1.1 {response.StatusCode} {ReasonPhrase(response.StatusCode)}\r\n");
        head.Append(CultureInfo.InvariantCulture, $"Content-Type: {response.ContentType}\r\n");
        foreach (var warning in response.Warnings)
            head.Append(CultureInfo.InvariantCulture, $"Warning: {WarningHeader.Format(warning)}\r\n");
        if (response.RetryAfterSeconds is int seconds)
            head.Append(CultureInfo.InvariantCulture, $"Retry-After: {seconds}\r\n");
        if (close)
            head.Append("Connection: close\r\n");
        if (response.Stream is null)
        {
            head.Append(CultureInfo.InvariantCulture, $"Content-Length: {response.Body.Length}\r\n\r\n");
            var bytes = Encoding.UTF8.GetBytes(head.ToString());
            await stream.WriteAsync(headOnly ? bytes : (byte[])[.. bytes, .. response.Body.Span], cancellationToken);
            return;
        }
        head.Append("Transfer-Encoding: chunked\r\n\r\n");
        await using (response.Stream)
        {
            await stream.WriteAsync(Encoding.UTF8.GetBytes(head.ToString()), cancellationToken);
            if (!headOnly)
                await WriteChunksAsync(response.Stream, cancellationToken);
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
            while ((read = await source.ReadAsync(buffer, disconnected.Token)) > 0)
            {
                byte[] chunk = [.. Encoding.ASCII.GetBytes($"{read:x}\r\n"), .. buffer.AsSpan(0, read), .. "\r\n"u8];
                await stream.WriteAsync(chunk, disconnected.Token);
            }
            await stream.WriteAsync("0\r\n\r\n"u8.ToArray(), disconnected.Token);
        }
        finally
        {
            await disconnected.CancelAsync();
            await closing;
        }
    }

    private async Task WaitForCloseAsync(CancellationTokenSource disconnected)
    {
        try
        {
            if (!await _reader.WaitForDataAsync(disconnected.Token))
                await disconnected.CancelAsync();
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            await disconnected.CancelAsync();
        }
        catch (OperationCanceledException)
        {
            // The watch ended first.
        }
    }

    private static string ReasonPhrase(int status) =>
        status switch
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
