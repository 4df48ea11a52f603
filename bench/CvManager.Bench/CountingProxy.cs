using System.Net;
using System.Net.Sockets;

namespace CvManager.Bench;

/// <summary>A proxy in front of a server that counts requests. It is not used in timed runs.</summary>
internal sealed class CountingProxy : IAsyncDisposable
{
    private static readonly string[] ManifestTypes =
    [
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.docker.distribution.manifest.v2+json",
        "*/*",
    ];

    private readonly HttpListener _listener = new();
    private readonly HttpClient _http;
    private readonly Task _serving;
    private int _requests;

    public CountingProxy(Uri server)
    {
        _http = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, UseProxy = false }) { BaseAddress = server };
        using (TcpListener probe = new(IPAddress.Loopback, 0))
        {
            probe.Start();
            Host = probe.LocalEndpoint.ToString()!;
        }

        _listener.Prefixes.Add($"http://{Host}/");
        _listener.Start();
        _serving = ServeAsync();
    }

    /// <summary>The address as host:port.</summary>
    public string Host { get; }

    public int Requests => Volatile.Read(ref _requests);

    public async ValueTask DisposeAsync()
    {
        _listener.Close();
        await _serving;
        _http.Dispose();
    }

    private async Task ServeAsync()
    {
        while (true)
        {
            HttpListenerContext context;
            try
            {
                context = await _listener.GetContextAsync();
            }
            catch (Exception e) when (e is HttpListenerException or ObjectDisposedException)
            {
                return;
            }

            Interlocked.Increment(ref _requests);
            await ForwardAsync(context);
        }
    }

    private async Task ForwardAsync(HttpListenerContext context)
    {
        using var response = context.Response;
        using HttpRequestMessage request = new(new HttpMethod(context.Request.HttpMethod), context.Request.RawUrl);
        if (context.Request.HasEntityBody)
        {
            request.Content = new StreamContent(context.Request.InputStream);
            request.Content.Headers.TryAddWithoutValidation("Content-Type", context.Request.ContentType);
        }

        // HttpListener keeps only one of several Accept header lines of the client, so all types are set here.
        foreach (var accept in ManifestTypes)
            request.Headers.TryAddWithoutValidation("Accept", accept);
        using var upstream = await _http.SendAsync(request);
        response.StatusCode = (int)upstream.StatusCode;
        response.ContentType = upstream.Content.Headers.ContentType?.ToString();
        foreach (var name in (string[])["Docker-Content-Digest", "Docker-Distribution-Api-Version", "Location", "Docker-Upload-UUID"])
        {
            if (upstream.Headers.TryGetValues(name, out var values))
                response.AddHeader(name, values.First().Replace(_http.BaseAddress!.Authority, Host, StringComparison.Ordinal));
        }

        if (context.Request.HttpMethod == "HEAD")
        {
            response.ContentLength64 = upstream.Content.Headers.ContentLength ?? 0;
            return;
        }

        var body = await upstream.Content.ReadAsByteArrayAsync();
        response.ContentLength64 = body.Length;
        await response.OutputStream.WriteAsync(body);
    }
}
