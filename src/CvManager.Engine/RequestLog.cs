using Microsoft.Extensions.Logging;

namespace CvManager;

/// <summary>Logs each HTTP request at level Debug: method, URL without secrets, status or failure, and the time until the response.</summary>
internal static partial class RequestLog
{
    /// <summary>Sends a request. Costs nothing if the level is not enabled.</summary>
    /// <param name="send">Must return when it has the headers of the response: the body of a watch does not end.</param>
    public static Task<HttpResponseMessage> SendAsync(
        ILogger logger,
        TimeProvider time,
        HttpRequestMessage request,
        Func<HttpRequestMessage, CancellationToken, Task<HttpResponseMessage>> send,
        CancellationToken cancellationToken
    ) =>
        logger.IsEnabled(LogLevel.Debug)
            ? SendAndLogAsync(logger, time, request, send, cancellationToken)
            : send(request, cancellationToken);

    private static async Task<HttpResponseMessage> SendAndLogAsync(
        ILogger logger,
        TimeProvider time,
        HttpRequestMessage request,
        Func<HttpRequestMessage, CancellationToken, Task<HttpResponseMessage>> send,
        CancellationToken cancellationToken
    )
    {
        var started = time.GetTimestamp();
        var url = UrlRedaction.Show(request.RequestUri!);
        try
        {
            var response = await send(request, cancellationToken);
            var status = (int)response.StatusCode;
            var milliseconds = (long)time.GetElapsedTime(started).TotalMilliseconds;
            LogSent(logger, request.Method, url, status, milliseconds);
            return response;
        }
        catch (Exception e)
        {
            var reason = Reason(e);
            var milliseconds = (long)time.GetElapsedTime(started).TotalMilliseconds;
            LogFailed(logger, request.Method, url, reason, milliseconds);
            throw;
        }
    }

    /// <summary>Not the message, which may contain secrets, and is in the error that the failure becomes.</summary>
    private static string Reason(Exception error) =>
        error switch
        {
            HttpRequestException { HttpRequestError: not HttpRequestError.Unknown } failure => failure.HttpRequestError.ToString(),
            OperationCanceledException => "Cancelled",
            _ => error.GetType().Name,
        };

    [LoggerMessage(
        EventId = LogEvents.RequestSent,
        EventName = nameof(LogEvents.RequestSent),
        Level = LogLevel.Debug,
        Message = "{Method} {Url}: {Status} in {Milliseconds} ms",
        SkipEnabledCheck = true
    )]
    private static partial void LogSent(ILogger logger, HttpMethod method, string url, int status, long milliseconds);

    [LoggerMessage(
        EventId = LogEvents.RequestFailed,
        EventName = nameof(LogEvents.RequestFailed),
        Level = LogLevel.Debug,
        Message = "{Method} {Url}: {Reason} after {Milliseconds} ms",
        SkipEnabledCheck = true
    )]
    private static partial void LogFailed(ILogger logger, HttpMethod method, string url, string reason, long milliseconds);
}
