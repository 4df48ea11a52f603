using System.Net;

namespace CvManager.Sandbox.Registry;

/// <summary>The registry as an <see cref="HttpMessageHandler"/>, without a socket and with optional faults.</summary>
internal sealed class RegistryHandler(RegistryServer server, TimeProvider time, FaultInjector? faults) : HttpMessageHandler
{
    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var fault = faults is null ? RequestFault.None : await faults(request, cancellationToken);
        if (fault.RequestDelay > TimeSpan.Zero)
            await Task.Delay(fault.RequestDelay, time, cancellationToken);
        if (fault.DropRequest)
            throw new HttpRequestException(HttpRequestError.ConnectionError, "The connection was dropped before the request was sent.");
        var response = fault.StatusCode is int status
            ? RegistryResponse.FromError(RegistryError.Injected(status, fault))
            : await server.HandleAsync(await ReadAsync(request, cancellationToken), cancellationToken);
        if (fault.ResponseDelay > TimeSpan.Zero)
            await Task.Delay(fault.ResponseDelay, time, cancellationToken);
        if (fault.DropResponse)
            throw new HttpRequestException(HttpRequestError.ResponseEnded, "The connection was dropped before the response arrived.");
        return Message(request, response);
    }

    private static async ValueTask<RegistryRequest> ReadAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var uri = request.RequestUri ?? throw new HttpRequestException("The request has no URI.");
        return new RegistryRequest
        {
            Method = request.Method.Method,
            PathAndQuery = uri.PathAndQuery,
            Origin = uri.GetLeftPart(UriPartial.Authority),
            Header = name =>
                request.Headers.NonValidated.TryGetValues(name, out var values)
                || (request.Content?.Headers.NonValidated.TryGetValues(name, out values) ?? false)
                    ? string.Join(", ", values)
                    : null,
            Body = request.Content is null ? Stream.Null : await request.Content.ReadAsStreamAsync(cancellationToken),
        };
    }

    private static HttpResponseMessage Message(HttpRequestMessage request, RegistryResponse response)
    {
        var content = new ReadOnlyMemoryContent(response.Body);
        var message = new HttpResponseMessage((HttpStatusCode)response.Status) { Content = content, RequestMessage = request };
        if (response.ContentType is not null)
            content.Headers.TryAddWithoutValidation("Content-Type", response.ContentType);
        content.Headers.ContentLength = response.Length ?? response.Body.Length;
        foreach (var (name, value) in response.Headers)
        {
            if (!message.Headers.TryAddWithoutValidation(name, value))
                content.Headers.TryAddWithoutValidation(name, value);
        }
        return message;
    }
}
