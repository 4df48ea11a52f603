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
/// Sends requests to one registry: logs in where asked, follows redirects without taking the login elsewhere, tries again what may
/// succeed, and reads answers whole up to their limit. Thread-safe.
/// </summary>
internal sealed partial class RegistryTransport
{
    private const int MostRedirects = 5;

    /// <summary>More logins for one registry than anybody has.</summary>
    private const int MostLogins = 16;

    private const int MostOtherServers = 64;

    /// <summary>Of the body of a refusal, for what it says.</summary>
    private const int LongestRefusal = 64 * 1024;

    private readonly HttpMessageInvoker _http;
    private readonly RegistryClientOptions _options;
    private readonly RequestBudget _budget;
    private readonly TokenServer _tokens;
    private readonly RegistryAuthenticator _authenticator;

    // Of servers that the registry redirects to.
    private readonly ConcurrentDictionary<string, RegistryAuthenticator> _elsewhere = new(StringComparer.OrdinalIgnoreCase);
    private readonly ResiliencePipeline<RegistryResponse> _retries;
    private readonly ResiliencePipeline<RegistryResponse> _limit;

    public RegistryTransport(HttpMessageInvoker http, ICredentialSource credentials, RequestBudget budget, RegistryClientOptions options)
    {
        _http = http;
        _budget = budget;
        _options = options;
        _tokens = new TokenServer(http, options);
        _authenticator = new RegistryAuthenticator(_tokens, credentials, options.TimeProvider);
        var retries = new ResiliencePipelineBuilder<RegistryResponse> { TimeProvider = options.TimeProvider };
        if (options.Retries > 0)
        {
            retries.AddRetry(new RetryStrategyOptions<RegistryResponse>
            {
                MaxRetryAttempts = options.Retries,
                Delay = options.RetryDelay,
                BackoffType = DelayBackoffType.Exponential,
                UseJitter = true,
                ShouldHandle = arguments => ValueTask.FromResult(MayPass(arguments.Outcome)),
                DelayGenerator = arguments => ValueTask.FromResult(arguments.Outcome.Exception is null ? arguments.Outcome.Result!.RetryAfter : null),
            });
        }

        _retries = retries.Build();
        _limit = new ResiliencePipelineBuilder<RegistryResponse> { TimeProvider = options.TimeProvider }
            .AddTimeout(options.RequestTimeout).Build();
    }

    /// <summary>Sends a request, which is one that can be sent again without harm.</summary>
    /// <returns>A success, or a refusal that only the caller can tell the meaning of (404, 405, 501, other 4xx).</returns>
    /// <exception cref="CvException">Whatever means the same for every request.</exception>
    public async Task<RegistryResponse> SendAsync(RegistryRequest request, CancellationToken cancellationToken)
    {
        if (AddressRules.Literal(request.Uri) is { } address && AddressRules.IsRefused(address) && !_options.LinkLocalRegistries.Contains(request.Uri.Authority))
            throw RegistryErrors.AddressRefused(request.Repository, request.Uri.Host, address);
        var sent = new SentLogins();
        RegistryResponse response = await AttemptsAsync(request, sent, cancellationToken).ConfigureAwait(false);
        string? said = Said(request, response);
        return response.Status switch
        {
            HttpStatusCode.Unauthorized when sent.LoggedIn && MissingRight(response) is string right => throw RegistryErrors.Forbidden(request.Repository, right, said),
            HttpStatusCode.Unauthorized => throw RegistryErrors.Unauthorized(request.Repository, sent.LoggedIn, said),
            HttpStatusCode.Forbidden => throw RegistryErrors.Forbidden(request.Repository, MissingRight(response) ?? request.Access.Permission(), said),
            HttpStatusCode.TooManyRequests => throw RegistryErrors.RateLimited(request.Repository, response.RetryAfter),
            HttpStatusCode.ProxyAuthenticationRequired => throw RegistryErrors.Unreachable(request.Repository, "the proxy requires authentication."),
            HttpStatusCode.NotImplemented => response,
            >= HttpStatusCode.InternalServerError =>
                throw RegistryErrors.Unreachable(request.Repository, $"{response.Uri.Authority} returned HTTP status {(int)response.Status}{(said is null ? "." : $": {said}")}"),
            _ => response,
        };
    }

    /// <summary>What the server says, and which one where the request was redirected.</summary>
    private static string? Said(RegistryRequest request, RegistryResponse response)
    {
        string? message = ErrorAnswer.MessageOf(response);
        return RegistryAddress.SameServer(request.Uri, response.Uri) ? message : $"{response.Uri.Authority}: {message ?? $"HTTP status {(int)response.Status}"}";
    }

    /// <summary>The last action of the scope that the server says is missing (Azure: <c>metadata_read</c>, for lists); null where it says nothing like it.</summary>
    private static string? MissingRight(RegistryResponse response) =>
        response.Challenges.FirstOrDefault(c => c["error"] == "insufficient_scope") is not { } challenge ? null
        : challenge["scope"] is { Length: > 0 } scope ? response.Show(scope[(scope.LastIndexOfAny([':', ',']) + 1)..])
        : "pull";

    private async Task<RegistryResponse> AttemptsAsync(RegistryRequest request, SentLogins sent, CancellationToken cancellationToken)
    {
        try
        {
            return await _retries.ExecuteAsync(
                static async (state, token) =>
                {
                    // The wait for its turn is no part of the time that the registry has to answer.
                    await state.Self._budget.SpendAsync(state.Request.Repository, token).ConfigureAwait(false);
                    return await state.Self._limit.ExecuteAsync(
                        static (inner, limited) => new ValueTask<RegistryResponse>(inner.Self.FollowAsync(inner.Request, inner.Sent, limited)),
                        state, token).ConfigureAwait(false);
                },
                (Self: this, Request: request, Sent: sent),
                cancellationToken).ConfigureAwait(false);
        }
        catch (TimeoutRejectedException e)
        {
            throw RegistryErrors.TimedOut(request.Repository, _options.RequestTimeout, e);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            // How the handler says that no connection came about in its time.
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
            string what = e.InnerException is { } inner && !e.Message.Contains(inner.Message, StringComparison.Ordinal) ? $"{e.Message} {inner.Message}" : e.Message;
            throw RegistryErrors.Unreachable(request.Repository, RemoteText.Show(what, sent.Secrets));
        }
        catch (Exception e) when (e is FormatException or NotSupportedException)
        {
            // An address or a header that .NET cannot make anything of.
            throw RegistryErrors.Invalid(request.Repository, RemoteText.Show(e.Message, sent.Secrets));
        }
    }

    private async Task<RegistryResponse> FollowAsync(RegistryRequest request, SentLogins sent, CancellationToken cancellationToken)
    {
        Uri uri = request.Uri;
        for (int hops = 0; ; hops++)
        {
            RegistryResponse response = await AskAsync(request, uri, sent, cancellationToken).ConfigureAwait(false);
            if (!response.IsRedirect)
                return response;
            if (hops == MostRedirects)
                throw RegistryErrors.Invalid(request.Repository, "too many redirects.");
            uri = response.RedirectTarget ?? throw RegistryErrors.Invalid(request.Repository, "redirect to an invalid address.");
            bool reads = request.Method == HttpMethod.Get || request.Method == HttpMethod.Head;
            bool downgrades = response.Uri.Scheme == "https" && uri.Scheme == "http";
            if (downgrades || !RegistryAddress.MayRefer(uri, request.Uri, _options) || (!reads && !RegistryAddress.SameServer(uri, request.Uri)))
                throw RegistryErrors.Invalid(request.Repository, $"redirect to {response.Show($"{uri.Scheme}://{uri.Authority}")} not allowed.");
            if (RegistryAddress.SameServer(uri, request.Uri))
                await _budget.SpendAsync(request.Repository, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Asks one server, with one login after the other where it refuses them. A server that was redirected to gets none of ours.</summary>
    private async Task<RegistryResponse> AskAsync(RegistryRequest request, Uri uri, SentLogins sent, CancellationToken cancellationToken)
    {
        bool own = RegistryAddress.SameServer(uri, request.Uri);
        if (request.Grant is not null)
            return await OnceAsync(request, uri, own ? request.Grant : null, sent, cancellationToken).ConfigureAwait(false);
        RegistryAuthenticator authenticator = own ? _authenticator : Elsewhere(uri.Authority);
        var asked = new AskedRight(request.Repository, own ? request.Uri : uri, (own ? null : PathOf(uri)) ?? request.Repository.Path, request.Access);
        var attempt = new LoginAttempt();
        Grant? grant = await authenticator.PresentAsync(asked, attempt, cancellationToken).ConfigureAwait(false);
        for (int answers = 0; ; answers++)
        {
            RegistryResponse response = await OnceAsync(request, uri, grant, sent, cancellationToken).ConfigureAwait(false);
            bool refused = response.Status == HttpStatusCode.Unauthorized || (response.Status == HttpStatusCode.Forbidden && grant is { LoggedIn: true });
            if (!refused || answers == MostLogins)
                return response;
            Grant? next = await authenticator.AnswerAsync(asked, response, grant, attempt, cancellationToken).ConfigureAwait(false);
            if (next is null)
                return response;
            grant = next;
            if (own)
                await _budget.SpendAsync(request.Repository, cancellationToken).ConfigureAwait(false);
        }
    }

    private RegistryAuthenticator Elsewhere(string authority)
    {
        if (_elsewhere.Count > MostOtherServers)
            _elsewhere.Clear();
        return _elsewhere.GetOrAdd(authority, static (_, self) => new RegistryAuthenticator(self._tokens, FixedCredential.Anonymous, self._options.TimeProvider), this);
    }

    /// <summary>The repository's path at a server that speaks the same API; null where it does not.</summary>
    private static string? PathOf(Uri uri) => PathPattern().Match(uri.AbsolutePath) is { Success: true } match ? match.Groups[1].Value : null;

    private async Task<RegistryResponse> OnceAsync(RegistryRequest request, Uri uri, Grant? grant, SentLogins sent, CancellationToken cancellationToken)
    {
        sent.Add(grant);
        using var message = new HttpRequestMessage(request.Method, uri);
        message.Headers.UserAgent.Add(new ProductInfoHeaderValue("cvmanager", typeof(RegistryTransport).Assembly.GetName().Version?.ToString(3)));
        message.Headers.Authorization = grant?.Header;
        message.Options.Set(RegistryConnections.NotToLoopback, RegistryAddress.IsNotForLoopback(uri, request.Uri));
        foreach (string type in request.Accept)
            message.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue(type));
        if (request.Body is ReadOnlyMemory<byte> body)
        {
            message.Content = new ReadOnlyMemoryContent(body);
            message.Content.Headers.ContentType = request.ContentType is null ? null : MediaTypeHeaderValue.Parse(request.ContentType);
        }

        using HttpResponseMessage answer = await _http.SendAsync(message, cancellationToken).ConfigureAwait(false);
        if (RegistryAddress.SameServer(uri, request.Uri))
            _budget.Heed(answer);
        // A HEAD's Content-Length is that of a body that does not come.
        byte[] read = request.Method == HttpMethod.Head ? []
            : !answer.IsSuccessStatusCode ? await BoundedContent.ReadStartAsync(answer.Content, LongestRefusal, cancellationToken).ConfigureAwait(false)
            : await BoundedContent.ReadAsync(answer.Content, request.Limit, cancellationToken).ConfigureAwait(false)
                ?? throw RegistryErrors.TooLarge(request.Repository, request.What, request.Limit);
        return RegistryResponse.Of(answer, read, uri, _options.TimeProvider.GetUtcNow()) with { Secrets = sent.Secrets };
    }

    private bool MayPass(Outcome<RegistryResponse> outcome)
    {
        if (outcome.Exception is Exception error)
        {
            // A TLS connection that cannot be, a refused address, and a proxy that asks for a login, are no better a second later.
            bool lasts = error is HttpRequestException { InnerException: AddressRefusedException } or HttpRequestException { StatusCode: HttpStatusCode.ProxyAuthenticationRequired }
                || TlsFault.Of(error) is not null;
            return !lasts && error is (HttpRequestException or IOException or OperationCanceledException or CvException { Kind: CvErrorKind.Unavailable });
        }

        RegistryResponse response = outcome.Result!;
        return (response.Status is HttpStatusCode.TooManyRequests or HttpStatusCode.RequestTimeout
                || (response.Status >= HttpStatusCode.InternalServerError && response.Status != HttpStatusCode.NotImplemented))
            && !(response.RetryAfter > _options.LongestRetryAfter);
    }

    [GeneratedRegex(@"\A/v2/([a-z0-9][a-z0-9._/-]{0,255})/(?:manifests|blobs|tags|referrers)/", RegexOptions.CultureInvariant | RegexOptions.NonBacktracking)]
    private static partial Regex PathPattern();
}

/// <summary>What went out with the attempts of one request.</summary>
internal sealed class SentLogins
{
    public Secrets Secrets { get; private set; } = Secrets.None;

    /// <summary>Whether a login was among it.</summary>
    public bool LoggedIn { get; private set; }

    public void Add(Grant? grant)
    {
        if (grant is null)
            return;
        Secrets = Secrets.With(grant.Secrets);
        LoggedIn |= grant.LoggedIn;
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
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // Not the registry's own words, then: a proxy's page, say, or a text that is no UTF-8. The status tells enough.
            return null;
        }
    }
}
