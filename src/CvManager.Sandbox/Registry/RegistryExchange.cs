using System.Net;

namespace CvManager.Sandbox.Registry;

/// <summary>Handles HTTP requests from the listener.</summary>
internal static class RegistryExchange
{
    public static async Task ServeAsync(RegistryServer server, HttpListenerContext context, CancellationToken cancellationToken)
    {
        var request = context.Request;
        var response = await server.HandleAsync(
            new RegistryRequest
            {
                Method = request.HttpMethod,
                PathAndQuery = request.RawUrl ?? "/",
                Origin = "http://" + request.UserHostName,
                Header = name => request.Headers[name],
                Body = request.HasEntityBody ? request.InputStream : Stream.Null,
            },
            cancellationToken
        );
        await WriteAsync(context.Response, response, cancellationToken);
    }

    private static async Task WriteAsync(HttpListenerResponse target, RegistryResponse response, CancellationToken cancellationToken)
    {
        target.StatusCode = response.Status;
        if (response.ContentType is not null)
            target.ContentType = response.ContentType;
        foreach (var (name, value) in response.Headers)
            target.AddHeader(name, value);
        if (response.Status is not (204 or 304))
            target.ContentLength64 = response.Length ?? response.Body.Length;
        if (response.Body.Length > 0)
            await target.OutputStream.WriteAsync(response.Body, cancellationToken);
    }
}
