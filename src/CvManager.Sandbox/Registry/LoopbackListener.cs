using System.Net;
using System.Net.Sockets;

namespace CvManager.Sandbox.Registry;

/// <summary>Serves HTTP on 127.0.0.1. Disposing it ends all requests.</summary>
internal sealed class LoopbackListener : IAsyncDisposable
{
    private readonly HttpListener _listener;
    private readonly Func<HttpListenerContext, CancellationToken, Task> _serve;
    private readonly CancellationTokenSource _stopping = new();
    private readonly Task _accepting;
    private readonly HashSet<Task> _serving = [];

    private LoopbackListener(HttpListener listener, int port, Func<HttpListenerContext, CancellationToken, Task> serve)
    {
        _listener = listener;
        _serve = serve;
        Server = new Uri($"http://127.0.0.1:{port}/");
        _accepting = AcceptAsync();
    }

    public Uri Server { get; }

    /// <summary>Starts listening.</summary>
    /// <param name="port">0 selects a free port.</param>
    /// <param name="serve">Handles one request; its token is cancelled when the listener is disposed.</param>
    /// <exception cref="HttpListenerException">The port is in use.</exception>
    public static LoopbackListener Start(int port, Func<HttpListenerContext, CancellationToken, Task> serve)
    {
        // Another process may take the free port before it is used.
        for (var attempt = 1; ; attempt++)
        {
            var chosen = port != 0 ? port : FreePort();
            var listener = new HttpListener { IgnoreWriteExceptions = false };
            listener.Prefixes.Add($"http://127.0.0.1:{chosen}/");
            try
            {
                listener.Start();
                return new LoopbackListener(listener, chosen, serve);
            }
            catch (HttpListenerException) when (port == 0 && attempt < 10)
            {
                listener.Close();
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        _listener.Close();
        await _accepting;
        Task[] open;
        lock (_serving)
            open = [.. _serving];
        await Task.WhenAll(open);
        _stopping.Dispose();
    }

    private static int FreePort()
    {
        using var probe = new TcpListener(IPAddress.Loopback, 0);
        probe.Start();
        return ((IPEndPoint)probe.LocalEndpoint).Port;
    }

    private async Task AcceptAsync()
    {
        while (!_stopping.IsCancellationRequested)
        {
            HttpListenerContext context;
            try
            {
                context = await _listener.GetContextAsync();
            }
            catch (Exception e) when (e is HttpListenerException or ObjectDisposedException && _stopping.IsCancellationRequested)
            {
                return;
            }
            var task = Task.Run(() => ServeAsync(context), CancellationToken.None);
            lock (_serving)
                _serving.Add(task);
            _ = task.ContinueWith(Forget, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        }

        void Forget(Task task)
        {
            lock (_serving)
                _serving.Remove(task);
        }
    }

    private async Task ServeAsync(HttpListenerContext context)
    {
        try
        {
            await _serve(context, _stopping.Token);
            context.Response.Close();
        }
        catch (Exception e) when (e is HttpListenerException or IOException or ObjectDisposedException or OperationCanceledException)
        {
            // The client disconnected, or the server is stopping.
            context.Response.Abort();
        }
    }
}
