using Microsoft.Extensions.Logging;

namespace CvManager.Web;

/// <summary>Finds the page for a request, after it has checked where the request comes from. Thread-safe.</summary>
/// <param name="routes">The first one that matches responds.</param>
/// <param name="isLoopback">True if the server listens on loopback only.</param>
/// <param name="logger">The log for exceptions of pages.</param>
internal sealed partial class PageDispatcher(IReadOnlyList<WebRoute> routes, bool isLoopback, ILogger logger) : IDisposable
{
    /// <summary>
    /// The number of pages that are made at the same time; further requests wait. Probes do not count: they are answered while other pages
    /// wait for the API server.
    /// </summary>
    internal const int MaxConcurrentPages = 16;

    private readonly SemaphoreSlim _slots = new(MaxConcurrentPages);

    public void Dispose() => _slots.Dispose();

    /// <exception cref="OperationCanceledException">The client is gone, too slow, or the server stops.</exception>
    public async ValueTask<PageResponse> RespondAsync(PageRequest request, CancellationToken cancellationToken)
    {
        // A page of another site whose name now resolves to this machine (DNS rebinding) sends that name.
        if (isLoopback && request.Headers.TryGetValue("Host", out var host) && !IsLoopbackName(host))
            return PageResponse.Of(421);
        List<string> allowed = [];
        foreach (var route in routes)
        {
            if (!route.TryMatch(request.Path, out var values))
                continue;
            if (!route.Allows(request.Method))
            {
                allowed.Add(route.Method == "GET" ? "GET, HEAD" : route.Method);
                continue;
            }

            if (route.Method != "GET" && IsCrossSite(request))
                return PageResponse.Of(403);
            return await RespondAsync(route, request with { RouteValues = values }, cancellationToken);
        }

        return allowed.Count == 0 ? PageResponse.Of(404) : PageResponse.Of(405).With("Allow", string.Join(", ", allowed));
    }

    private async ValueTask<PageResponse> RespondAsync(WebRoute route, PageRequest request, CancellationToken cancellationToken)
    {
        if (!route.IsProbe)
            await _slots.WaitAsync(cancellationToken);
        try
        {
            return await route.Page(request, cancellationToken);
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested)
        {
            // The path of the route: that of the request is the client's text.
            LogFailed(logger, route.Path, ErrorIds.UnexpectedError, "Report this defect.", e);
            return PageResponse.Of(500);
        }
        finally
        {
            if (!route.IsProbe)
                _slots.Release();
        }
    }

    private static bool IsLoopbackName(string host)
    {
        var end = host.LastIndexOf(':');
        var name = end >= 0 && !host.EndsWith(']') ? host[..end] : host;
        return name is "127.0.0.1" or "[::1]" || name.Equals("localhost", StringComparison.OrdinalIgnoreCase);
    }

    /// <summary>
    /// True if a page of another site made a browser send this. Browsers send Sec-Fetch-Site (W3C, "Fetch Metadata Request Headers") over
    /// HTTPS and to localhost, and Origin (RFC 6454) with every POST. A request with neither is not from a browser.
    /// </summary>
    private static bool IsCrossSite(PageRequest request)
    {
        if (request.Headers.TryGetValue("Sec-Fetch-Site", out var site))
            return site is not ("same-origin" or "none");
        return request.Headers.TryGetValue("Origin", out var origin)
            && !(
                Uri.TryCreate(origin, UriKind.Absolute, out var from)
                && from.Authority.Equals(request.Header("Host"), StringComparison.OrdinalIgnoreCase)
            );
    }

    [LoggerMessage(
        EventId = LogEvents.PageFailed,
        EventName = nameof(LogEvents.PageFailed),
        Level = LogLevel.Error,
        Message = "The page {Path} failed unexpectedly ({ErrorId}). {Remedy}"
    )]
    private static partial void LogFailed(ILogger logger, string path, string errorId, string remedy, Exception error);
}
