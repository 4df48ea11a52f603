using System.Collections.Concurrent;
using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using System.Text.RegularExpressions;
using CvManager.Registries.Credentials;
using Polly;
using Polly.Retry;
using Polly.Timeout;

namespace CvManager.Registries.Oci;

/// <summary>
/// Sends requests to one registry: authenticates, follows redirects without forwarding credentials, retries transient failures, and reads
/// response bodies up to a limit. Thread-safe.
/// </summary>
internal sealed partial class RegistryTransport
{
    private const int MaxRedirects = 5;

    /// <summary>The maximum number of credentials to try for a request.</summary>
    private const int MaxLogins = 16;

    private const int MaxOtherServers = 64;

    /// <summary>The maximum bytes to read of an error response.</summary>
    private const int MaxErrorBytes = 64 * 1024;

    private readonly HttpMessageInvoker _http;
    private readonly RegistryClientOptions _options;
    private readonly RequestBudget _budget;
    private readonly TokenServer _tokens;
    private readonly RegistryAuthenticator _authenticator;
    private readonly CredentialLog _credentialLog;

    // For servers that the registry redirects to.
    private readonly ConcurrentDictionary<string, RegistryAuthenticator> _otherServers = new(StringComparer.OrdinalIgnoreCase);
    private readonly ResiliencePipeline<RegistryResponse> _retries;
    private readonly ResiliencePipeline<RegistryResponse> _limit;

    public RegistryTransport(HttpMessageInvoker http, ICredentialSource credentials, RequestBudget budget, RegistryClientOptions options)
    {
        _http = http;
        _budget = budget;
        _options = options;
        _tokens = new TokenServer(http, options);
        _authenticator = new RegistryAuthenticator(_tokens, credentials, options.TimeProvider);
        _credentialLog = new CredentialLog(options.Logger);
        var retries = new ResiliencePipelineBuilder<RegistryResponse> { TimeProvider = options.TimeProvider };
        if (options.Retries > 0)
        {
            retries.AddRetry(
                new RetryStrategyOptions<RegistryResponse>
                {
                    MaxRetryAttempts = options.Retries,
                    Delay = options.RetryDelay,
                    BackoffType = DelayBackoffType.Exponential,
                    UseJitter = true,
                    ShouldHandle = arguments => ValueTask.FromResult(IsTransient(arguments.Outcome)),
                    DelayGenerator = arguments =>
                        ValueTask.FromResult(arguments.Outcome.Exception is null ? arguments.Outcome.Result!.RetryAfter : null),
                }
            );
        }

        _retries = retries.Build();
        _limit = new ResiliencePipelineBuilder<RegistryResponse> { TimeProvider = options.TimeProvider }
            .AddTimeout(options.RequestTimeout)
            .Build();
    }

    /// <summary>Sends a request, which must be idempotent because it may be retried.</summary>
    /// <returns>A successful response, or an error whose meaning depends on the request (404, 405, 501, other 4xx).</returns>
    /// <exception cref="CvException">An error that has the same meaning for all requests.</exception>
    public async Task<RegistryResponse> SendAsync(RegistryRequest request, CancellationToken cancellationToken)
    {
        if (
            AddressRules.Literal(request.Uri) is { } address
            && AddressRules.IsBlocked(address)
            && !_options.LinkLocalRegistries.Contains(request.Uri.Authority)
        )
            throw RegistryErrors.AddressRefused(request.Repository, request.Uri.Host, address);
        var sent = new SentLogins();
        var response = await SendWithRetriesAsync(request, sent, cancellationToken);
        var details = ErrorDetails(request, response);
        return response.Status switch
        {
            HttpStatusCode.Unauthorized when sent.LoggedIn && MissingAction(request, response) is string action =>
                throw RegistryErrors.Forbidden(request.Repository, action, details),
            HttpStatusCode.Unauthorized => throw RegistryErrors.Unauthorized(request.Repository, sent.LoggedIn, details),
            HttpStatusCode.Forbidden => throw RegistryErrors.Forbidden(
                request.Repository,
                MissingAction(request, response) ?? request.Access.Permission(),
                details
            ),
            HttpStatusCode.TooManyRequests => throw RegistryErrors.RateLimited(request.Repository, response.RetryAfter),
            HttpStatusCode.ProxyAuthenticationRequired => throw RegistryErrors.Unreachable(
                request.Repository,
                "the proxy requires authentication."
            ),
            HttpStatusCode.NotImplemented => response,
            >= HttpStatusCode.InternalServerError => throw RegistryErrors.Unreachable(
                request.Repository,
                $"{response.Uri.Authority} returned HTTP status {(int)response.Status}{(details is null ? "." : $": {details}")}"
            ),
            _ => response,
        };
    }

    /// <summary>The server's error message, with the server if the request was redirected.</summary>
    private static string? ErrorDetails(RegistryRequest request, RegistryResponse response)
    {
        var message = RegistryErrorBody.MessageOf(response);
        return RegistryAddress.SameServer(request.Uri, response.Uri)
            ? message
            : $"{response.Uri.Authority}: {message ?? $"HTTP status {(int)response.Status}"}";
    }

    /// <summary>
    /// The action that the challenge reports as missing: the one that the request requires, if the scope contains it, because registries
    /// list the actions in any order; otherwise the last one (Azure: <c>metadata_read</c> for lists). Null if the challenge reports no
    /// missing scope.
    /// </summary>
    private static string? MissingAction(RegistryRequest request, RegistryResponse response)
    {
        if (response.Challenges.FirstOrDefault(c => c["error"] == "insufficient_scope") is not { } challenge)
            return null;
        var required = request.Access.Permission();
        var actions = challenge["scope"] is { Length: > 0 } scope ? scope[(scope.LastIndexOf(':') + 1)..].Split(',') : ["pull"];
        return actions.Contains(required) ? required : response.Show(actions[^1]);
    }

    private async Task<RegistryResponse> SendWithRetriesAsync(RegistryRequest request, SentLogins sent, CancellationToken cancellationToken)
    {
        try
        {
            return await _retries.ExecuteAsync(
                static async (state, token) =>
                {
                    // Waiting for the budget does not count towards the registry's timeout.
                    await state.Self._budget.SpendAsync(state.Request.Repository, token);
                    return await state.Self._limit.ExecuteAsync(
                        static (inner, limited) =>
                            new ValueTask<RegistryResponse>(inner.Self.FollowRedirectsAsync(inner.Request, inner.Sent, limited)),
                        state,
                        token
                    );
                },
                (Self: this, Request: request, Sent: sent),
                cancellationToken
            );
        }
        catch (TimeoutRejectedException e)
        {
            throw RegistryErrors.TimedOut(request.Repository, _options.RequestTimeout, e);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            // The connect timeout of the handler.
            throw RegistryErrors.ConnectTimedOut(request.Repository);
        }
        catch (HttpRequestException e) when (e.InnerException is AddressRefusedException refused)
        {
            throw RegistryErrors.AddressRefused(request.Repository, refused.Host, refused.Address);
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            if (TlsFault.Of(e) is { } fault)
                throw RegistryErrors.TlsFailed(request.Repository, fault);
            var what =
                e.InnerException is { } inner && !e.Message.Contains(inner.Message, StringComparison.Ordinal)
                    ? $"{e.Message} {inner.Message}"
                    : e.Message;
            throw RegistryErrors.Unreachable(request.Repository, RemoteText.Show(what, sent.Secrets));
        }
        catch (Exception e) when (e is FormatException or NotSupportedException)
        {
            // An invalid URL or header.
            throw RegistryErrors.Invalid(request.Repository, RemoteText.Show(e.Message, sent.Secrets));
        }
    }

    private async Task<RegistryResponse> FollowRedirectsAsync(RegistryRequest request, SentLogins sent, CancellationToken cancellationToken)
    {
        var uri = request.Uri;
        for (var hops = 0; ; hops++)
        {
            var response = await SendWithCredentialsAsync(request, uri, sent, cancellationToken);
            if (!response.IsRedirect)
                return response;
            if (hops == MaxRedirects)
                throw RegistryErrors.Invalid(request.Repository, "too many redirects.");
            uri = response.RedirectTarget ?? throw RegistryErrors.Invalid(request.Repository, "redirect to an invalid address.");
            var reads = request.Method == HttpMethod.Get || request.Method == HttpMethod.Head;
            var downgrades = response.Uri.Scheme == "https" && uri.Scheme == "http";
            if (
                downgrades
                || !RegistryAddress.IsTargetAllowed(uri, request.Uri, _options)
                || (!reads && !RegistryAddress.SameServer(uri, request.Uri))
            )
                throw RegistryErrors.Invalid(
                    request.Repository,
                    $"redirect to {response.Show($"{uri.Scheme}://{uri.Authority}")} not allowed."
                );
            if (RegistryAddress.SameServer(uri, request.Uri))
                await _budget.SpendAsync(request.Repository, cancellationToken);
        }
    }

    /// <summary>
    /// Sends the request to one server, trying the credentials one by one. The target of a redirect to another server gets no credential.
    /// </summary>
    private async Task<RegistryResponse> SendWithCredentialsAsync(
        RegistryRequest request,
        Uri uri,
        SentLogins sent,
        CancellationToken cancellationToken
    )
    {
        var own = RegistryAddress.SameServer(uri, request.Uri);
        if (request.Authorization is not null)
            return await SendOnceAsync(request, uri, own ? request.Authorization : null, sent, cancellationToken);
        var authenticator = own ? _authenticator : AuthenticatorFor(uri.Authority);
        var access = new AccessRequest(
            request.Repository,
            own ? request.Uri : uri,
            (own ? null : PathOf(uri)) ?? request.Repository.Path,
            request.Access
        );
        var attempt = new LoginAttempt();
        var authorization = await authenticator.PresentAsync(access, attempt, cancellationToken);
        for (var retries = 0; ; retries++)
        {
            var response = await SendOnceAsync(request, uri, authorization, sent, cancellationToken);
            var refused =
                response.Status == HttpStatusCode.Unauthorized
                || (response.Status == HttpStatusCode.Forbidden && authorization is { LoggedIn: true });
            if (!refused && own)
                _credentialLog.Used(request.Repository.Registry, authorization?.Source);
            if (!refused || retries == MaxLogins)
                return response;
            var next = await authenticator.AnswerAsync(access, response, authorization, attempt, cancellationToken);
            if (next is null)
                return response;
            authorization = next;
            if (own)
                await _budget.SpendAsync(request.Repository, cancellationToken);
        }
    }

    private RegistryAuthenticator AuthenticatorFor(string authority)
    {
        if (_otherServers.Count > MaxOtherServers)
            _otherServers.Clear();
        return _otherServers.GetOrAdd(
            authority,
            static (_, self) => new RegistryAuthenticator(self._tokens, FixedCredential.Anonymous, self._options.TimeProvider),
            this
        );
    }

    /// <summary>The path of the repository in a URL of the distribution API; null for other URLs.</summary>
    private static string? PathOf(Uri uri) =>
        PathPattern().Match(uri.AbsolutePath) is { Success: true } match ? match.Groups[1].Value : null;

    private async Task<RegistryResponse> SendOnceAsync(
        RegistryRequest request,
        Uri uri,
        RegistryAuthorization? authorization,
        SentLogins sent,
        CancellationToken cancellationToken
    )
    {
        sent.Add(authorization);
        using var message = new HttpRequestMessage(request.Method, uri);
        message.Headers.UserAgent.Add(new ProductInfoHeaderValue("cvmanager", ProductVersion.Text));
        message.Headers.Authorization = authorization?.Header;
        message.Options.Set(RegistryConnections.NotToLoopback, RegistryAddress.MustNotBeLoopback(uri, request.Uri));
        foreach (var type in request.Accept)
            message.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue(type));
        if (request.Body is ReadOnlyMemory<byte> body)
        {
            message.Content = new ReadOnlyMemoryContent(body);
            message.Content.Headers.ContentType = request.ContentType is null ? null : MediaTypeHeaderValue.Parse(request.ContentType);
        }

        using var response = await _http.SendAsync(message, cancellationToken);
        if (RegistryAddress.SameServer(uri, request.Uri))
            _budget.Observe(response);
        // The Content-Length of a HEAD response is that of a body that is not sent.
        var read =
            request.Method == HttpMethod.Head ? []
            : !response.IsSuccessStatusCode ? await BoundedContent.ReadStartAsync(response.Content, MaxErrorBytes, cancellationToken)
            : await BoundedContent.ReadAsync(response.Content, request.Limit, cancellationToken)
                ?? throw RegistryErrors.TooLarge(request.Repository, request.What, request.Limit);
        return RegistryResponse.Of(response, read, uri, _options.TimeProvider.GetUtcNow()) with { Secrets = sent.Secrets };
    }

    private bool IsTransient(Outcome<RegistryResponse> outcome)
    {
        if (outcome.Exception is Exception error)
        {
            // TLS failures, blocked addresses and missing proxy credentials are not transient.
            var isPermanent =
                error
                    is HttpRequestException { InnerException: AddressRefusedException }
                        or HttpRequestException { StatusCode: HttpStatusCode.ProxyAuthenticationRequired }
                || TlsFault.Of(error) is not null;
            return !isPermanent
                && error
                    is (HttpRequestException or IOException or OperationCanceledException or CvException { Kind: CvErrorKind.Unavailable });
        }

        var response = outcome.Result!;
        return (
                response.Status is HttpStatusCode.TooManyRequests or HttpStatusCode.RequestTimeout
                || (response.Status >= HttpStatusCode.InternalServerError && response.Status != HttpStatusCode.NotImplemented)
            ) && !(response.RetryAfter > _options.MaxRetryAfter);
    }

    [GeneratedRegex(
        @"\A/v2/([a-z0-9][a-z0-9._/-]{0,255})/(?:manifests|blobs|tags|referrers)/",
        RegexOptions.CultureInvariant | RegexOptions.NonBacktracking
    )]
    private static partial Regex PathPattern();
}

/// <summary>The credentials that were sent with the attempts of one request.</summary>
internal sealed class SentLogins
{
    public Secrets Secrets { get; private set; } = Secrets.None;

    /// <summary>True if at least one was not anonymous.</summary>
    public bool LoggedIn { get; private set; }

    public void Add(RegistryAuthorization? authorization)
    {
        if (authorization is null)
            return;
        Secrets = Secrets.With(authorization.Secrets);
        LoggedIn |= authorization.LoggedIn;
    }
}

/// <summary>The body of an error response (distribution specification, "Error Codes").</summary>
internal static class RegistryErrorBody
{
    public static string? CodeOf(RegistryResponse response) => Read(response, "code");

    /// <summary>The error message, sanitized.</summary>
    public static string? MessageOf(RegistryResponse response) =>
        Read(response, "message") is string message ? response.Show(message) : null;

    private static string? Read(RegistryResponse response, string field)
    {
        try
        {
            using var document = JsonDocument.Parse(response.Body);
            return
                document.RootElement.ValueKind == JsonValueKind.Object
                && document.RootElement.TryGetProperty("errors", out var errors)
                && errors.ValueKind == JsonValueKind.Array
                && errors.GetArrayLength() > 0
                && errors[0].ValueKind == JsonValueKind.Object
                && errors[0].TryGetProperty(field, out var value)
                && value.ValueKind == JsonValueKind.String
                ? value.GetString()
                : null;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // Not an error response of a registry, for example the page of a proxy: the status code is sufficient.
            return null;
        }
    }
}
