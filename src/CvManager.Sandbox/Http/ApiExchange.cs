using System.Globalization;
using System.Net;
using CvManager.Sandbox.Api;

namespace CvManager.Sandbox.Http;

/// <summary>One request to the API server and its answer, as a socket brings them.</summary>
internal static class ApiExchange
{
    public static async Task ServeAsync(ApiServer server, HttpListenerContext context, CancellationToken cancellationToken)
    {
        var response = await server.HandleAsync(Read(context.Request), cancellationToken).ConfigureAwait(false);
        await WriteAsync(context.Response, response, cancellationToken).ConfigureAwait(false);
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

    private static async Task WriteAsync(HttpListenerResponse target, ApiResponse response, CancellationToken cancellationToken)
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
            await target.OutputStream.WriteAsync(response.Body, cancellationToken).ConfigureAwait(false);
            return;
        }
        target.SendChunked = true;
        await using (response.Stream.ConfigureAwait(false))
        {
            // Sends the head before the first event: a client waits for it.
            await target.OutputStream.FlushAsync(cancellationToken).ConfigureAwait(false);
            await response.Stream.CopyToAsync(target.OutputStream, cancellationToken).ConfigureAwait(false);
        }
    }
}
