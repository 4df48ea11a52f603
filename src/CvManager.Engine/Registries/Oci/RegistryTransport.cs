using System.Net;
using System.Net.Http.Headers;
using System.Security.Authentication;
using System.Text.Json;
using CvManager.Registries.Credentials;
using Polly;
using Polly.Retry;
using Polly.Timeout;

namespace CvManager.Registries.Oci;

/// <summary>
/// Sends requests to one registry: logs in where asked, follows redirects without taking the login elsewhere, tries again what may
/// succeed, and reads answers whole up to their limit. Thread-safe.
/// </summary>
internal sealed class RegistryTransport
{
    private const int MostRedirects = 5;

    private readonly HttpMessageInvoker _http;
    private readonly RegistryClientOptions _options;
    private readonly RequestBudget _budget;
    private readonly RegistryAuthenticator _authenticator;
    private readonly ResiliencePipeline<(RegistryResponse Response, bool LoggedIn)> _retries;
    private readonly ResiliencePipeline<(RegistryResponse Response, bool LoggedIn)> _limit;

    public RegistryTransport(HttpMessageInvoker http, ICredentialSource credentials, RequestBudget budget, RegistryClientOptions options)
    {
        _http = http;
        _budget = budget;
        _options = options;
        _authenticator = new RegistryAuthenticator(new TokenServer(http, options), credentials, options.TimeProvider);
        var retries = new ResiliencePipelineBuilder<(RegistryResponse Response, bool LoggedIn)> { TimeProvider = options.TimeProvider };
        if (options.Retries > 0)
        {
            retries.AddRetry(new RetryStrategyOptions<(RegistryResponse Response, bool LoggedIn)>
            {
                MaxRetryAttempts = options.Retries,
                Delay = options.RetryDelay,
                BackoffType = DelayBackoffType.Exponential,
                UseJitter = true,
                ShouldHandle = arguments => ValueTask.FromResult(MayPass(arguments.Outcome)),
                DelayGenerator = arguments => ValueTask.FromResult(arguments.Outcome.Exception is null ? arguments.Outcome.Result.Response.RetryAfter : null),
            });
        }

        _retries = retries.Build();
        _limit = new ResiliencePipelineBuilder<(RegistryResponse Response, bool LoggedIn)> { TimeProvider = options.TimeProvider }
            .AddTimeout(options.RequestTimeout).Build();
    }

    /// <summary>Sends a request, which is one that can be sent again without harm.</summary>
    /// <returns>A success, or a refusal that only the caller can tell the meaning of (404, 405, other 4xx).</returns>
    /// <exception cref="CvException">Whatever means the same for every request.</exception>
    public async Task<RegistryResponse> SendAsync(RegistryRequest request, CancellationToken cancellationToken)
    {
        (RegistryResponse response, bool loggedIn) = await AttemptsAsync(request, cancellationToken).ConfigureAwait(false);
        return response.Status switch
        {
            HttpStatusCode.Unauthorized when loggedIn && response.Challenges.Any(c => c["error"] == "insufficient_scope") =>
                throw RegistryErrors.Forbidden(request.Repository, request.Access.Permission(), ErrorAnswer.MessageOf(response)),
            HttpStatusCode.Unauthorized => throw RegistryErrors.Unauthorized(request.Repository, loggedIn),
            HttpStatusCode.Forbidden =>
                throw RegistryErrors.Forbidden(request.Repository, request.Access.Permission(), ErrorAnswer.MessageOf(response)),
            HttpStatusCode.TooManyRequests => throw RegistryErrors.RateLimited(request.Repository, response.RetryAfter),
            HttpStatusCode.ProxyAuthenticationRequired => throw RegistryErrors.Unreachable(request.Repository, "the proxy asks for a login."),
            >= HttpStatusCode.InternalServerError =>
                throw RegistryErrors.Unreachable(request.Repository, $"{response.Uri.Authority} answers {(int)response.Status}."),
            _ => response,
        };
    }

    private async Task<(RegistryResponse Response, bool LoggedIn)> AttemptsAsync(RegistryRequest request, CancellationToken cancellationToken)
    {
        var sent = new SentSecrets();
        try
        {
            return await _retries.ExecuteAsync(
                static async (state, token) =>
                {
                    // The wait for its turn is no part of the time that the registry has to answer.
                    await state.Self._budget.SpendAsync(state.Request.Repository, token).ConfigureAwait(false);
                    return await state.Self._limit.ExecuteAsync(
                        static (inner, limited) => new ValueTask<(RegistryResponse, bool)>(inner.Self.AttemptAsync(inner.Request, inner.Sent, limited)),
                        state, token).ConfigureAwait(false);
                },
                (Self: this, Request: request, Sent: sent),
                cancellationToken).ConfigureAwait(false);
        }
        catch (TimeoutRejectedException e)
        {
            throw RegistryErrors.TimedOut(request.Repository, _options.RequestTimeout, e);
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            string what = e.InnerException is Exception inner && !e.Message.Contains(inner.Message, StringComparison.Ordinal)
                ? $"{e.Message} {inner.Message}"
                : e.Message;
            throw RegistryErrors.Unreachable(request.Repository, RemoteText.Show(what, sent.Secrets));
        }
    }

    private async Task<(RegistryResponse Response, bool LoggedIn)> AttemptAsync(
        RegistryRequest request, SentSecrets sent, CancellationToken cancellationToken)
    {
        Grant? grant = request.Grant ?? await _authenticator.PresentAsync(request.Repository, request.Access, cancellationToken).ConfigureAwait(false);
        RegistryResponse response = await FollowAsync(request, grant, sent, cancellationToken).ConfigureAwait(false);
        if (response.Status == HttpStatusCode.Unauthorized && request.Grant is null && SameServer(response.Uri, request.Uri))
        {
            Grant? answer = await _authenticator
                .AnswerAsync(request.Repository, request.Access, response.Challenges, grant, cancellationToken).ConfigureAwait(false);
            if (answer is not null)
            {
                grant = answer;
                await _budget.SpendAsync(request.Repository, cancellationToken).ConfigureAwait(false);
                response = await FollowAsync(request, grant, sent, cancellationToken).ConfigureAwait(false);
            }
        }

        return (response, grant?.LoggedIn ?? false);
    }

    private async Task<RegistryResponse> FollowAsync(RegistryRequest request, Grant? grant, SentSecrets sent, CancellationToken cancellationToken)
    {
        sent.Add(grant);
        Uri uri = request.Uri;
        for (int hops = 0; ; hops++)
        {
            RegistryResponse response = await OnceAsync(request, uri, SameServer(uri, request.Uri) ? grant : null, sent, cancellationToken).ConfigureAwait(false);
            if ((int)response.Status is not (301 or 302 or 303 or 307 or 308))
                return response;
            if (response.Location is null || hops == MostRedirects)
                throw RegistryErrors.Invalid(request.Repository, hops == MostRedirects ? "it redirects without end." : "a redirect to nowhere.");
            Uri next = new(uri, response.Location);
            bool reads = request.Method == HttpMethod.Get || request.Method == HttpMethod.Head;
            if (next.Scheme is not ("https" or "http") || (uri.Scheme == "https" && next.Scheme == "http") || (!reads && !SameServer(next, uri)))
                throw RegistryErrors.Invalid(request.Repository, $"it redirects to {response.Show(next.GetLeftPart(UriPartial.Authority))}, which is not followed.");
            uri = next;
            if (SameServer(uri, request.Uri))
                await _budget.SpendAsync(request.Repository, cancellationToken).ConfigureAwait(false);
        }
    }

    private async Task<RegistryResponse> OnceAsync(RegistryRequest request, Uri uri, Grant? grant, SentSecrets sent, CancellationToken cancellationToken)
    {
        using var message = new HttpRequestMessage(request.Method, uri);
        message.Headers.UserAgent.Add(new ProductInfoHeaderValue("cvmanager", typeof(RegistryTransport).Assembly.GetName().Version?.ToString(3)));
        message.Headers.Authorization = grant?.Header;
        foreach (string type in request.Accept)
            message.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue(type));
        if (request.Body is ReadOnlyMemory<byte> body)
        {
            message.Content = new ReadOnlyMemoryContent(body);
            message.Content.Headers.ContentType = request.ContentType is null ? null : MediaTypeHeaderValue.Parse(request.ContentType);
        }

        using HttpResponseMessage answer = await _http.SendAsync(message, cancellationToken).ConfigureAwait(false);
        if (SameServer(uri, request.Uri))
            _budget.Heed(answer);
        // A HEAD's Content-Length is that of a body that does not come.
        byte[] read = request.Method == HttpMethod.Head
            ? []
            : await BoundedContent.ReadAsync(answer.Content, request.Limit, cancellationToken).ConfigureAwait(false)
                ?? throw RegistryErrors.TooLarge(request.Repository, request.What, request.Limit);
        return RegistryResponse.Of(answer, read, uri, _options.TimeProvider.GetUtcNow()) with { Secrets = sent.Secrets };
    }

    private static bool SameServer(Uri left, Uri right) =>
        Uri.Compare(left, right, UriComponents.SchemeAndServer, UriFormat.Unescaped, StringComparison.OrdinalIgnoreCase) == 0;

    private bool MayPass(Outcome<(RegistryResponse Response, bool LoggedIn)> outcome)
    {
        if (outcome.Exception is Exception error)
        {
            // A certificate that is not trusted, and a proxy that asks for a login, are no better a second later.
            bool lasts = error is HttpRequestException { InnerException: AuthenticationException } or HttpRequestException { StatusCode: HttpStatusCode.ProxyAuthenticationRequired };
            return !lasts && error is (HttpRequestException or IOException or CvException { Kind: CvErrorKind.Unavailable });
        }

        RegistryResponse response = outcome.Result.Response;
        return (response.Status is HttpStatusCode.TooManyRequests or HttpStatusCode.RequestTimeout || (int)response.Status >= 500)
            && !(response.RetryAfter > _options.LongestRetryAfter);
    }
}

/// <summary>The secrets that went out with the attempts of one request.</summary>
internal sealed class SentSecrets
{
    public Secrets Secrets { get; private set; } = Secrets.None;

    public void Add(Grant? grant)
    {
        if (grant is not null)
            Secrets = Secrets.With(grant.Secrets);
    }
}

/// <summary>The body of a refusal (distribution specification, "Error Codes").</summary>
internal static class ErrorAnswer
{
    public static string? CodeOf(RegistryResponse response) => Read(response, "code");

    /// <summary>What the registry says, fit to be printed.</summary>
    public static string? MessageOf(RegistryResponse response) => Read(response, "message") is string message ? response.Show(message) : null;

    private static string? Read(RegistryResponse response, string field)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(response.Body);
            return document.RootElement.ValueKind == JsonValueKind.Object
                && document.RootElement.TryGetProperty("errors", out JsonElement errors) && errors.ValueKind == JsonValueKind.Array && errors.GetArrayLength() > 0
                && errors[0].ValueKind == JsonValueKind.Object && errors[0].TryGetProperty(field, out JsonElement value) && value.ValueKind == JsonValueKind.String
                    ? value.GetString()
                    : null;
        }
        catch (JsonException)
        {
            // Not the registry's own words, then: a proxy's page, say. The status tells enough.
            return null;
        }
    }
}
