using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using System.Text.Json.Serialization;
using CvManager.Registries.Credentials;

namespace CvManager.Registries.Oci;

/// <summary>
/// Obtains bearer tokens from the token server in a registry's challenge: by GET with user name and password or anonymously, by POST with
/// an identity token or if the server does not support GET (token and OAuth2 specifications of the distribution project).
/// </summary>
internal sealed class TokenServer(HttpMessageInvoker http, RegistryClientOptions options)
{
    private const int Limit = 1024 * 1024;
    private const int DefaultLifetimeSeconds = 60;
    private const int MaxRedirects = 5;

    private static readonly string[] Reading = ["pull", "metadata_read"];
    private static readonly string[] Writing = ["push", "metadata_write"];

    public async Task<RegistryAuthorization> ObtainAsync(
        AccessRequest access,
        Challenge challenge,
        RegistryCredential? credential,
        CancellationToken cancellationToken
    )
    {
        var repository = access.Repository;
        var realm = Realm(access, challenge);
        var request = new TokenRequest(realm, challenge["service"], Scope(access, challenge["scope"]), credential);
        var began = options.TimeProvider.GetUtcNow();
        var response = await SendAsync(access, request, request.Post(), cancellationToken);
        // Some servers only support OAuth2.
        if (response.Status is HttpStatusCode.MethodNotAllowed or HttpStatusCode.NotImplemented && credential is { IdentityToken: null })
            response = await SendAsync(access, request, post: true, cancellationToken);
        switch (response.Status)
        {
            case HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden or HttpStatusCode.BadRequest:
                throw RegistryErrors.Unauthorized(repository, credential is not null, RegistryErrorBody.MessageOf(response));
            case HttpStatusCode.TooManyRequests:
                throw RegistryErrors.RateLimited(repository, response.RetryAfter);
            case >= HttpStatusCode.InternalServerError:
                throw RegistryErrors.Unreachable(
                    repository,
                    $"token server {response.Uri.Authority} returned HTTP status {(int)response.Status}."
                );
        }

        return response.IsSuccess
            ? Read(repository, response, began, credential)
            : throw RegistryErrors.Invalid(
                repository,
                $"token server {response.Uri.Authority} returned HTTP status {(int)response.Status}."
            );
    }

    /// <summary>Follows redirects without forwarding the credential to other servers.</summary>
    private async Task<RegistryResponse> SendAsync(
        AccessRequest access,
        TokenRequest request,
        bool post,
        CancellationToken cancellationToken
    )
    {
        var uri = request.Realm;
        for (var hops = 0; ; hops++)
        {
            var same = RegistryAddress.SameServer(uri, request.Realm);
            using var message = post ? request.PostTo(uri) : request.GetFrom(uri, hasQuery: hops > 0, withLogin: same);
            message.Options.Set(RegistryConnections.NotToLoopback, RegistryAddress.MustNotBeLoopback(uri, access.Server));
            using var httpResponse = await http.SendAsync(message, cancellationToken);
            var body =
                await BoundedContent.ReadAsync(httpResponse.Content, Limit, cancellationToken)
                ?? throw RegistryErrors.TooLarge(access.Repository, "a token", Limit);
            var response = RegistryResponse.Of(httpResponse, body, uri, options.TimeProvider.GetUtcNow()) with
            {
                Secrets = request.Credential?.Secrets ?? Secrets.None,
            };
            if (!response.IsRedirect)
                return response;
            var next = hops < MaxRedirects ? response.RedirectTarget : null;
            if (
                next is null
                || (uri.Scheme == "https" && next.Scheme == "http")
                || !RegistryAddress.IsTargetAllowed(next, access.Server, options)
                || (post && !RegistryAddress.SameServer(next, request.Realm))
            )
                throw RegistryErrors.Invalid(
                    access.Repository,
                    $"redirect from token server {uri.Authority} to {response.Show(next?.Authority ?? "an invalid address")} not allowed."
                );
            uri = next;
        }
    }

    private static RegistryAuthorization Read(
        ImageRepository repository,
        RegistryResponse response,
        DateTimeOffset requestedAt,
        RegistryCredential? credential
    )
    {
        TokenResponse? token;
        try
        {
            token = JsonSerializer.Deserialize(Utf8Text.WithoutMark(response.Body), TokenJson.Default.TokenResponse);
        }
        catch (JsonException e)
        {
            // Without the inner message, which may quote the body.
            throw RegistryErrors.Invalid(
                repository,
                $"token server {response.Uri.Authority} did not return JSON (byte {e.BytePositionInLine})."
            );
        }

        var text = string.IsNullOrEmpty(token?.Token) ? token?.AccessToken : token.Token;
        if (string.IsNullOrEmpty(text) || text.Any(c => c is <= ' ' or > '~'))
            throw RegistryErrors.Invalid(repository, $"token server {response.Uri.Authority} returned no token.");

        // Renew when a fifth of the lifetime, at most a minute, is left: for latency and clock skew.
        var lifetime = Seconds(token!.ExpiresIn) is > 0 and < 1e8 and double seconds ? seconds : DefaultLifetimeSeconds;
        return new RegistryAuthorization(
            new AuthenticationHeaderValue("Bearer", text),
            requestedAt + TimeSpan.FromSeconds(lifetime - Math.Min(60, lifetime / 5)),
            credential is not null,
            new Secrets(text).With(credential?.Secrets ?? Secrets.None)
        )
        {
            Source = credential?.Source,
        };
    }

    /// <summary>The value as number or string; null if missing or invalid.</summary>
    private static double? Seconds(JsonElement value) =>
        value.ValueKind switch
        {
            JsonValueKind.Number when value.TryGetDouble(out var number) => number,
            JsonValueKind.String
                when double.TryParse(value.GetString(), NumberStyles.Float, CultureInfo.InvariantCulture, out var number) => number,
            _ => null,
        };

    /// <summary>
    /// The scope that the request requires, not the scope of the challenge, which could request a token for another repository or more
    /// permissions. Equivalent actions with another name (Azure's for lists) are taken from the challenge.
    /// </summary>
    private static string Scope(AccessRequest access, string? wanted)
    {
        var prefix = $"repository:{access.Path}:";
        var also = access.Access == RegistryAccess.Push ? [.. Reading, .. Writing] : Reading;
        var named = (wanted ?? "")
            .Split(' ', StringSplitOptions.RemoveEmptyEntries)
            .Where(s => s.StartsWith(prefix, StringComparison.Ordinal))
            .SelectMany(s => s[prefix.Length..].Split(','))
            .Intersect(also);
        return prefix + string.Join(',', access.Access.Actions().Union(named).Order(StringComparer.Ordinal));
    }

    private Uri Realm(AccessRequest access, Challenge challenge)
    {
        if (!Uri.TryCreate(challenge["realm"], UriKind.Absolute, out var realm) || realm.Scheme is not ("https" or "http"))
            throw RegistryErrors.Invalid(access.Repository, "its authentication challenge has an invalid realm.");
        // A registry with HTTPS must not have credentials sent over HTTP or to this machine.
        return RegistryAddress.IsTargetAllowed(realm, access.Server, options)
            ? realm
            : throw RegistryErrors.Invalid(
                access.Repository,
                $"sending credentials to token server {RemoteText.Show($"{realm.Scheme}://{realm.Authority}")} not allowed."
            );
    }
}

/// <summary>The parameters of a token request.</summary>
internal sealed record TokenRequest(Uri Realm, string? Service, string Scope, RegistryCredential? Credential)
{
    public bool Post() => Credential?.IdentityToken is not null;

    /// <param name="hasQuery">True if the URL already has the query: the target of a redirect.</param>
    /// <param name="withLogin">True if the credential may be sent to the server.</param>
    public HttpRequestMessage GetFrom(Uri uri, bool hasQuery, bool withLogin)
    {
        var address = new UriBuilder(uri);
        if (!hasQuery)
        {
            var query = $"scope={Uri.EscapeDataString(Scope)}";
            if (Service is not null)
                query += $"&service={Uri.EscapeDataString(Service)}";
            if (Credential is not null)
                query += $"&account={Uri.EscapeDataString(Credential.UserName)}";
            address.Query = address.Query.Length > 1 ? $"{address.Query}&{query}" : query;
        }

        var request = new HttpRequestMessage(HttpMethod.Get, address.Uri);
        if (Credential is not null && withLogin)
            request.Headers.Authorization = RegistryAuthenticator.BasicHeader(Credential);
        return request;
    }

    public HttpRequestMessage PostTo(Uri uri)
    {
        List<KeyValuePair<string, string>> form = [new("client_id", "cvmanager"), new("scope", Scope)];
        if (Credential?.IdentityToken is string identity)
            form.AddRange([new("grant_type", "refresh_token"), new("refresh_token", identity)]);
        else
            form.AddRange([
                new("grant_type", "password"),
                new("username", Credential?.UserName ?? ""),
                new("password", Credential?.Password ?? ""),
            ]);
        if (Service is not null)
            form.Add(new("service", Service));
        return new HttpRequestMessage(HttpMethod.Post, uri) { Content = new FormUrlEncodedContent(form) };
    }
}

/// <summary>The response of a token server.</summary>
internal sealed class TokenResponse
{
    [JsonPropertyName("token")]
    public string? Token { get; init; }

    [JsonPropertyName("access_token")]
    public string? AccessToken { get; init; }

    [JsonPropertyName("expires_in")]
    public JsonElement ExpiresIn { get; init; }
}

[JsonSerializable(typeof(TokenResponse))]
[JsonSourceGenerationOptions(PropertyNameCaseInsensitive = true)]
internal sealed partial class TokenJson : JsonSerializerContext;
