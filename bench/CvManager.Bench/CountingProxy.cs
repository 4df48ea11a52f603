using System.Net;
using System.Net.Sockets;

namespace CvManager.Bench;

/// <summary>Stands in front of a server and counts requests; what is timed does not go through it.</summary>
internal sealed class CountingProxy : IAsyncDisposable
{
    private static readonly string[] s_manifestTypes =
    [
        "application/vnd.oci.image.index.v1+json", "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json", "application/vnd.docker.distribution.manifest.v2+json", "*/*",
    ];

    private readonly HttpListener _listener = new();
    private readonly HttpClient _http;
    private readonly Task _serving;
    private int _requests;

    public CountingProxy(Uri server)
    {
        _http = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, UseProxy = false }) { BaseAddress = server };
        using (TcpListener free = new(IPAddress.Loopback, 0))
        {
            free.Start();
            Host = free.LocalEndpoint.ToString()!;
        }

        _listener.Prefixes.Add($"http://{Host}/");
        _listener.Start();
        _serving = ServeAsync();
    }

    /// <summary>host:port.</summary>
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
        using HttpListenerResponse response = context.Response;
        using HttpRequestMessage request = new(new HttpMethod(context.Request.HttpMethod), context.Request.RawUrl);
        if (context.Request.HasEntityBody)
        {
            request.Content = new StreamContent(context.Request.InputStream);
            request.Content.Headers.TryAddWithoutValidation("Content-Type", context.Request.ContentType);
        }

        // Not the client's own: of several lines of that header, the listener keeps one.
        foreach (string accept in s_manifestTypes)
            request.Headers.TryAddWithoutValidation("Accept", accept);
        using HttpResponseMessage answer = await _http.SendAsync(request);
        response.StatusCode = (int)answer.StatusCode;
        response.ContentType = answer.Content.Headers.ContentType?.ToString();
        foreach (string name in (string[])["Docker-Content-Digest", "Docker-Distribution-Api-Version", "Location", "Docker-Upload-UUID"])
        {
            if (answer.Headers.TryGetValues(name, out IEnumerable<string>? values))
                response.AddHeader(name, values.First().Replace(_http.BaseAddress!.Authority, Host, StringComparison.Ordinal));
        }

        if (context.Request.HttpMethod == "HEAD")
        {
            response.ContentLength64 = answer.Content.Headers.ContentLength ?? 0;
            return;
        }

        byte[] body = await answer.Content.ReadAsByteArrayAsync();
        response.ContentLength64 = body.Length;
        await response.OutputStream.WriteAsync(body);
    }
}
