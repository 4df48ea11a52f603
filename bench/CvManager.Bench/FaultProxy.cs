using System.Buffers;
using System.Globalization;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace CvManager.Bench;

/// <summary>A fault that a <see cref="FaultProxy"/> injects into a response.</summary>
internal enum Fault
{
    None,

    /// <summary>503 with a Content-Length that is greater than the body.</summary>
    TruncatedError,

    /// <summary>The response of the server, truncated in the middle of the body.</summary>
    TruncatedResponse,

    /// <summary>The header fields and half of the body of the response, then nothing.</summary>
    StalledBody,

    /// <summary>The connection is accepted, and no response is sent.</summary>
    Silence,

    /// <summary>The response of the server, after some seconds.</summary>
    Slow,

    /// <summary>200 with an HTML page, as from a captive portal or a login proxy.</summary>
    HtmlPage,

    /// <summary>A JSON object whose fields have the wrong types.</summary>
    WrongTypes,

    /// <summary>409 for every write of a status.</summary>
    Conflict,

    /// <summary>429 with Retry-After.</summary>
    TooManyRequests,

    /// <summary>The connection is reset.</summary>
    Reset,
}

/// <summary>
/// A proxy in front of a server that injects faults into a share of the responses. It writes the bytes of responses itself, because HTTP
/// libraries do not allow violations of the protocol. One request per connection. Thread-safe.
/// </summary>
internal sealed class FaultProxy : IAsyncDisposable
{
    private const int MaxHeadLength = 64 * 1024;

    private static readonly TimeSpan Delay = TimeSpan.FromSeconds(8);

    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly HttpMessageInvoker _http;
    private readonly CancellationTokenSource _stop = new();
    private readonly Uri _server;
    private readonly X509Certificate2? _certificate;
    private readonly Task _accepting;
    private CancellationTokenSource _phase = new();
    private (Fault Fault, double Share) _mode;
    private long _requests;
    private long _faulted;

    /// <param name="server">The server to forward requests to.</param>
    /// <param name="authority">The certificate authority of the server; null for those that the system trusts.</param>
    /// <param name="certificate">The certificate of the proxy, for TLS; null for plain HTTP.</param>
    public FaultProxy(Uri server, X509Certificate2? authority, X509Certificate2? certificate)
    {
        SocketsHttpHandler handler = new() { AllowAutoRedirect = false, UseProxy = false };
        if (authority is not null)
            handler.SslOptions.CertificateChainPolicy = new X509ChainPolicy
            {
                TrustMode = X509ChainTrustMode.CustomRootTrust,
                CustomTrustStore = { authority },
                RevocationMode = X509RevocationMode.NoCheck,
            };
        _http = new HttpMessageInvoker(handler);
        _server = server;
        _certificate = certificate;
        _listener.Start();
        Host = _listener.LocalEndpoint.ToString()!;
        _accepting = AcceptAsync();
    }

    /// <summary>The address as host:port.</summary>
    public string Host { get; }

    public long Requests => Interlocked.Read(ref _requests);

    public long Faulted => Interlocked.Read(ref _faulted);

    /// <summary>Sets the fault for new connections, and closes the connections that have the previous fault.</summary>
    /// <param name="fault">The fault to inject.</param>
    /// <param name="share">The share of responses that have the fault, 0 to 1.</param>
    public void Set(Fault fault, double share)
    {
        _mode = (fault, share);
        using var previous = Interlocked.Exchange(ref _phase, new CancellationTokenSource());
        previous.Cancel();
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _accepting;
        _listener.Stop();
        _phase.Dispose();
        _stop.Dispose();
        _http.Dispose();
    }

    private async Task AcceptAsync()
    {
        HashSet<Task> open = [];
        try
        {
            while (true)
            {
                var client = await _listener.AcceptTcpClientAsync(_stop.Token);
                open.RemoveWhere(task => task.IsCompleted);
                open.Add(ServeAsync(client));
            }
        }
        catch (OperationCanceledException)
        {
            // The proxy is being disposed: no more connections.
        }

        await Task.WhenAll(open);
    }

    private async Task ServeAsync(TcpClient client)
    {
        using var owned = client;
        (var fault, var share) = _mode;
        if (fault != Fault.None && Random.Shared.NextDouble() >= share)
            fault = Fault.None;
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(
            _stop.Token,
            fault is Fault.None ? CancellationToken.None : _phase.Token
        );
        try
        {
            await using var stream = await OpenAsync(client, limit.Token);
            if (await ReadHeadAsync(stream, limit.Token) is not { } head)
                return;
            Interlocked.Increment(ref _requests);
            if (fault == Fault.Conflict && !head.IsStatusWrite)
                fault = Fault.None;
            if (fault != Fault.None)
                Interlocked.Increment(ref _faulted);
            await RespondAsync(client, stream, head, fault, limit.Token);
        }
        catch (Exception e)
            when (e
                    is IOException
                        or OperationCanceledException
                        or HttpRequestException
                        or SocketException
                        or System.Security.Authentication.AuthenticationException
            )
        {
            // One side closed the connection, or the fault has changed: expected for a faulty proxy.
        }
    }

    private async Task<Stream> OpenAsync(TcpClient client, CancellationToken cancellationToken)
    {
        if (_certificate is null)
            return client.GetStream();
        SslStream tls = new(client.GetStream());
        await tls.AuthenticateAsServerAsync(new SslServerAuthenticationOptions { ServerCertificate = _certificate }, cancellationToken);
        return tls;
    }

    private async Task RespondAsync(TcpClient client, Stream stream, RequestHead head, Fault fault, CancellationToken cancellationToken)
    {
        switch (fault)
        {
            case Fault.Silence:
                await Task.Delay(Timeout.InfiniteTimeSpan, cancellationToken);
                return;
            case Fault.Reset:
                client.LingerState = new LingerOption(true, 0);
                return;
            case Fault.TruncatedError:
                await WriteAsync(
                    stream,
                    "503 Service Unavailable",
                    "application/json",
                    """{"kind":"Status","apiVersion":"v1","sta""",
                    500,
                    cancellationToken
                );
                return;
            case Fault.HtmlPage:
                await WriteAsync(
                    stream,
                    "200 OK",
                    "text/html",
                    "<!doctype html><title>Sign in</title><p>Please sign in to the network.",
                    null,
                    cancellationToken
                );
                return;
            case Fault.WrongTypes:
                await WriteAsync(
                    stream,
                    "200 OK",
                    "application/json",
                    """{"kind":7,"type":{"a":1},"metadata":[],"items":{"x":null},"spec":null,"tags":"all","token":[1]}""" + "\n",
                    null,
                    cancellationToken
                );
                return;
            case Fault.Conflict:
                await WriteAsync(
                    stream,
                    "409 Conflict",
                    "application/json",
                    """{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Conflict","code":409,"message":"Operation cannot be fulfilled: the object has been modified"}""",
                    null,
                    cancellationToken
                );
                return;
            case Fault.TooManyRequests:
                await WriteAsync(
                    stream,
                    "429 Too Many Requests\r\nRetry-After: 2",
                    "application/json",
                    """{"kind":"Status","status":"Failure","reason":"TooManyRequests","code":429}""",
                    null,
                    cancellationToken
                );
                return;
            case Fault.Slow:
                await Task.Delay(Delay, cancellationToken);
                break;
        }

        using var request = head.ToRequest(_server);
        using var response = await _http.SendAsync(request, cancellationToken);
        StringBuilder text = new($"HTTP/1.1 {(int)response.StatusCode} {response.ReasonPhrase}\r\nConnection: close\r\n");
        foreach ((var name, var values) in response.Headers.Concat(response.Content.Headers))
        {
            if (name is "Transfer-Encoding" or "Connection" or "Content-Length")
                continue;
            foreach (var value in values)
                text.Append(CultureInfo.InvariantCulture, $"{name}: {value}\r\n");
        }

        var length = response.Content.Headers.ContentLength;
        if (length is not null)
            text.Append(CultureInfo.InvariantCulture, $"Content-Length: {length}\r\n");
        await stream.WriteAsync(Encoding.ASCII.GetBytes(text.Append("\r\n").ToString()), cancellationToken);
        if (head.Method == "HEAD")
            return;
        await CopyAsync(await response.Content.ReadAsStreamAsync(cancellationToken), stream, fault, length, cancellationToken);
    }

    private static async Task CopyAsync(Stream from, Stream to, Fault fault, long? length, CancellationToken cancellationToken)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(16 * 1024);
        try
        {
            var remaining = fault is Fault.TruncatedResponse or Fault.StalledBody ? (length ?? 600) / 2 : long.MaxValue;
            while (remaining > 0)
            {
                var read = await from.ReadAsync(buffer.AsMemory(0, (int)Math.Min(buffer.Length, remaining)), cancellationToken);
                if (read == 0)
                    return;
                await to.WriteAsync(buffer.AsMemory(0, read), cancellationToken);
                await to.FlushAsync(cancellationToken);
                remaining -= read;
            }

            if (fault == Fault.StalledBody)
                await Task.Delay(Timeout.InfiniteTimeSpan, cancellationToken);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private static async Task WriteAsync(
        Stream stream,
        string status,
        string type,
        string body,
        int? length,
        CancellationToken cancellationToken
    )
    {
        var bytes = Encoding.UTF8.GetBytes(body);
        var head = string.Create(
            CultureInfo.InvariantCulture,
            $"HTTP/1.1 {status}\r\nContent-Type: {type}\r\nContent-Length: {length ?? bytes.Length}\r\nConnection: close\r\n\r\n"
        );
        await stream.WriteAsync(Encoding.ASCII.GetBytes(head), cancellationToken);
        await stream.WriteAsync(bytes, cancellationToken);
    }

    private static async Task<RequestHead?> ReadHeadAsync(Stream stream, CancellationToken cancellationToken)
    {
        var buffer = new byte[MaxHeadLength];
        var filled = 0;
        int end;
        while ((end = buffer.AsSpan(0, filled).IndexOf("\r\n\r\n"u8)) < 0)
        {
            var read = filled == buffer.Length ? 0 : await stream.ReadAsync(buffer.AsMemory(filled), cancellationToken);
            if (read == 0)
                return null;
            filled += read;
        }

        var lines = Encoding.ASCII.GetString(buffer, 0, end).Split("\r\n");
        var first = lines[0].Split(' ');
        List<(string Name, string Value)> fields =
        [
            .. lines
                .Skip(1)
                .Select(line =>
                    (line[..line.IndexOf(':', StringComparison.Ordinal)], line[(line.IndexOf(':', StringComparison.Ordinal) + 1)..].Trim())
                ),
        ];
        var length = fields
            .Where(field => field.Name.Equals("Content-Length", StringComparison.OrdinalIgnoreCase))
            .Select(field => int.Parse(field.Value, CultureInfo.InvariantCulture))
            .FirstOrDefault();
        var body = new byte[length];
        var received = Math.Min(length, filled - end - 4);
        buffer.AsSpan(end + 4, received).CopyTo(body);
        await stream.ReadExactlyAsync(body.AsMemory(received), cancellationToken);
        return new RequestHead(first[0], first[1], fields, body);
    }

    private sealed record RequestHead(string Method, string Target, IReadOnlyList<(string Name, string Value)> Fields, byte[] Body)
    {
        public bool IsStatusWrite => Method is "PUT" or "PATCH" && Target.Contains("/status", StringComparison.Ordinal);

        public HttpRequestMessage ToRequest(Uri server)
        {
            HttpRequestMessage request = new(new HttpMethod(Method), new Uri(server, Target));
            if (Body.Length > 0)
                request.Content = new ByteArrayContent(Body);
            foreach ((var name, var value) in Fields)
            {
                if (name.ToUpperInvariant() is "HOST" or "CONNECTION" or "CONTENT-LENGTH" or "EXPECT")
                    continue;
                if (!request.Headers.TryAddWithoutValidation(name, value))
                    request.Content?.Headers.TryAddWithoutValidation(name, value);
            }

            return request;
        }
    }
}
