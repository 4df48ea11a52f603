using System.Net;

namespace CvManager.Sandbox.Registry;

/// <summary>One request to the registry and its answer, as a socket brings them.</summary>
internal static class RegistryExchange
{
    public static async Task ServeAsync(RegistryServer server, HttpListenerContext context, CancellationToken cancellationToken)
    {
        var request = context.Request;
        var answer = await server.HandleAsync(new RegistryRequest
        {
            Method = request.HttpMethod,
            PathAndQuery = request.RawUrl ?? "/",
            Origin = "http://" + request.UserHostName,
            Header = name => request.Headers[name],
            Body = request.HasEntityBody ? request.InputStream : Stream.Null,
        }, cancellationToken).ConfigureAwait(false);
        await WriteAsync(context.Response, answer, cancellationToken).ConfigureAwait(false);
    }

    private static async Task WriteAsync(HttpListenerResponse target, RegistryResponse answer, CancellationToken cancellationToken)
    {
        target.StatusCode = answer.Status;
        if (answer.ContentType is not null)
            target.ContentType = answer.ContentType;
        foreach (var (name, value) in answer.Headers)
            target.AddHeader(name, value);
        if (answer.Status is not (204 or 304))
            target.ContentLength64 = answer.Length ?? answer.Body.Length;
        if (answer.Body.Length > 0)
            await target.OutputStream.WriteAsync(answer.Body, cancellationToken).ConfigureAwait(false);
    }
}
