using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using CvManager.Sandbox.Api;
using CvManager.Sandbox.Errors;
using CvManager.Sandbox.Http;
using CvManager.Sandbox.Storage;

namespace CvManager.Sandbox.Transport;

/// <summary>The API server as an <see cref="HttpMessageHandler"/>, without a socket and with optional faults.</summary>
internal sealed class InProcessHandler(ApiServer server, TimeProvider time, EventLoop loop, FaultInjector? faults) : HttpMessageHandler
{
    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var fault = faults is null ? RequestFault.None : await faults(request, cancellationToken);
        if (fault.RequestDelay > TimeSpan.Zero)
            await Task.Delay(fault.RequestDelay, time, cancellationToken);
        if (fault.DropRequest)
            throw new HttpRequestException(HttpRequestError.ConnectionError, "The connection was dropped before the request was sent.");
        var response = fault.StatusCode is int code
            ? ApiResponse.FromError(ApiException.Injected(code, fault))
            : await server.HandleAsync(await ReadAsync(request, cancellationToken), cancellationToken);
        if (fault.ResponseDelay > TimeSpan.Zero)
            await Task.Delay(fault.ResponseDelay, time, cancellationToken);
        if (fault.DropResponse)
        {
            if (response.Stream is not null)
                await response.Stream.DisposeAsync();
            throw new HttpRequestException(HttpRequestError.ResponseEnded, "The connection was dropped before the response arrived.");
        }
        if (fault.Watch is not null && response.Stream is WatchStream watch)
            WatchFaults.Apply(watch, fault.Watch, loop);
        return Message(request, response);
    }

    private static async ValueTask<ApiRequest> ReadAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var uri = request.RequestUri ?? throw new HttpRequestException("The request has no URI.");
        var (path, query) = ApiRequest.ParseTarget(uri.IsAbsoluteUri ? uri.PathAndQuery : uri.OriginalString);
        return new ApiRequest
        {
            Method = request.Method.Method,
            Path = path,
            RawPathAndQuery = uri.IsAbsoluteUri ? uri.PathAndQuery : uri.OriginalString,
            Query = query,
            Accept = request.Headers.Accept.ToString(),
            ContentType = request.Content?.Headers.ContentType?.ToString() ?? "",
            Authorization = request.Headers.Authorization?.ToString() ?? "",
            UserAgent = request.Headers.UserAgent.ToString(),
            Body = request.Content is null ? null : await request.Content.ReadAsStreamAsync(cancellationToken),
        };
    }

    private static HttpResponseMessage Message(HttpRequestMessage request, ApiResponse response)
    {
        HttpContent content = response.Stream is null ? new ReadOnlyMemoryContent(response.Body) : new StreamContent(response.Stream);
        content.Headers.ContentType = MediaTypeHeaderValue.Parse(response.ContentType);
        var message = new HttpResponseMessage((HttpStatusCode)response.StatusCode) { Content = content, RequestMessage = request };
        foreach (var warning in response.Warnings)
            message.Headers.TryAddWithoutValidation("Warning", WarningHeader.Format(warning));
        if (response.RetryAfterSeconds is int seconds)
            message.Headers.TryAddWithoutValidation("Retry-After", seconds.ToString(CultureInfo.InvariantCulture));
        return message;
    }
}
