using System.Globalization;
using System.Net;
using System.Net.Sockets;
using CvManager.Sandbox.Api;

namespace CvManager.Sandbox.Http;

/// <summary>The API server over HTTP on 127.0.0.1. Disposing it ends every request, watches too.</summary>
internal sealed class LoopbackListener : IAsyncDisposable
{
    private readonly HttpListener listener;
    private readonly ApiServer server;
    private readonly CancellationTokenSource stopping = new();
    private readonly Task accepting;
    private readonly HashSet<Task> serving = [];

    private LoopbackListener(HttpListener listener, int port, ApiServer server)
    {
        this.listener = listener;
        this.server = server;
        Server = new Uri($"http://127.0.0.1:{port}/");
        accepting = AcceptAsync();
    }

    public Uri Server { get; }

    /// <summary>Starts to listen.</summary>
    /// <exception cref="HttpListenerException">The given port is taken.</exception>
    public static LoopbackListener Start(int port, ApiServer server)
    {
        // Another process may take the free port between its choice and its use.
        for (int attempt = 1; ; attempt++)
        {
            int chosen = port != 0 ? port : FreePort();
            var listener = new HttpListener { IgnoreWriteExceptions = false };
            listener.Prefixes.Add($"http://127.0.0.1:{chosen}/");
            try
            {
                listener.Start();
                return new LoopbackListener(listener, chosen, server);
            }
            catch (HttpListenerException) when (port == 0 && attempt < 10)
            {
                listener.Close();
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        await stopping.CancelAsync().ConfigureAwait(false);
        listener.Close();
        await accepting.ConfigureAwait(false);
        Task[] open;
        lock (serving)
            open = [.. serving];
        await Task.WhenAll(open).ConfigureAwait(false);
        stopping.Dispose();
    }

    private static int FreePort()
    {
        using var probe = new TcpListener(IPAddress.Loopback, 0);
        probe.Start();
        return ((IPEndPoint)probe.LocalEndpoint).Port;
    }

    private async Task AcceptAsync()
    {
        while (!stopping.IsCancellationRequested)
        {
            HttpListenerContext context;
            try
            {
                context = await listener.GetContextAsync().ConfigureAwait(false);
            }
            catch (Exception error) when (error is HttpListenerException or ObjectDisposedException && stopping.IsCancellationRequested)
            {
                return;
            }
            var task = Task.Run(() => ServeAsync(context), CancellationToken.None);
            lock (serving)
                serving.Add(task);
            _ = task.ContinueWith(Forget, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        }

        void Forget(Task task)
        {
            lock (serving)
                serving.Remove(task);
        }
    }

    private async Task ServeAsync(HttpListenerContext context)
    {
        try
        {
            var response = await server.HandleAsync(Read(context.Request), stopping.Token).ConfigureAwait(false);
            await WriteAsync(context.Response, response).ConfigureAwait(false);
            context.Response.Close();
        }
        catch (Exception error) when (error is HttpListenerException or IOException or ObjectDisposedException or OperationCanceledException)
        {
            // The client went away, or the cluster stops: there is nobody to tell.
            context.Response.Abort();
        }
    }

    private static ApiRequest Read(HttpListenerRequest request)
    {
        string target = request.RawUrl ?? "/";
        var (path, query) = ApiRequest.ParseTarget(target);
        return new ApiRequest
        {
            Method = request.HttpMethod,
            Path = path,
            RawPathAndQuery = target,
            Query = query,
            Accept = request.Headers["Accept"] ?? "",
            ContentType = request.ContentType ?? "",
            Authorization = request.Headers["Authorization"] ?? "",
            UserAgent = request.UserAgent ?? "",
            Body = request.HasEntityBody ? request.InputStream : null,
        };
    }

    private async Task WriteAsync(HttpListenerResponse target, ApiResponse response)
    {
        target.StatusCode = response.StatusCode;
        target.ContentType = response.ContentType;
        foreach (string warning in response.Warnings)
            target.AddHeader("Warning", WarningHeader.Format(warning));
        if (response.RetryAfterSeconds is int seconds)
            target.AddHeader("Retry-After", seconds.ToString(CultureInfo.InvariantCulture));
        if (response.Stream is null)
        {
            target.ContentLength64 = response.Body.Length;
            await target.OutputStream.WriteAsync(response.Body, stopping.Token).ConfigureAwait(false);
            return;
        }
        target.SendChunked = true;
        await using (response.Stream.ConfigureAwait(false))
        {
            // Sends the head before the first event: a client waits for it.
            await target.OutputStream.FlushAsync(stopping.Token).ConfigureAwait(false);
            await response.Stream.CopyToAsync(target.OutputStream, stopping.Token).ConfigureAwait(false);
        }
    }
}
