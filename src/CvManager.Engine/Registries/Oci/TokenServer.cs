using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using System.Text.Json.Serialization;
using CvManager.Registries.Credentials;

namespace CvManager.Registries.Oci;

/// <summary>
/// Obtains bearer tokens from the server that a registry names in its challenge: by GET with user and password or anonymously, by POST
/// with an identity token, or where the server knows no GET (the distribution project's token and OAuth2 specifications).
/// </summary>
internal sealed class TokenServer(HttpMessageInvoker http, RegistryClientOptions options)
{
    private const int Limit = 1024 * 1024;
    private const int DefaultLifetimeSeconds = 60;
    private const int MostRedirects = 5;

    private static readonly string[] Reading = ["pull", "metadata_read"];
    private static readonly string[] Writing = ["push", "metadata_write"];

    public async Task<Grant> ObtainAsync(AskedRight asked, Challenge challenge, RegistryCredential? credential, CancellationToken cancellationToken)
    {
        ImageRepository repository = asked.Repository;
        Uri realm = Realm(asked, challenge);
        var order = new TokenOrder(realm, challenge["service"], Scope(asked, challenge["scope"]), credential);
        DateTimeOffset began = options.TimeProvider.GetUtcNow();
        RegistryResponse answer = await SendAsync(asked, order, order.Post(), cancellationToken).ConfigureAwait(false);
        // Some servers have the OAuth2 way alone.
        if (answer.Status is HttpStatusCode.MethodNotAllowed or HttpStatusCode.NotImplemented && credential is { IdentityToken: null })
            answer = await SendAsync(asked, order, post: true, cancellationToken).ConfigureAwait(false);
        switch (answer.Status)
        {
            case HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden or HttpStatusCode.BadRequest:
                throw RegistryErrors.Unauthorized(repository, credential is not null, ErrorAnswer.MessageOf(answer));
            case HttpStatusCode.TooManyRequests:
                throw RegistryErrors.RateLimited(repository, answer.RetryAfter);
            case >= HttpStatusCode.InternalServerError:
                throw RegistryErrors.Unreachable(repository, $"token server {answer.Uri.Authority} returned HTTP status {(int)answer.Status}.");
        }

        return answer.IsSuccess
            ? Read(repository, answer, began, credential)
            : throw RegistryErrors.Invalid(repository, $"token server {answer.Uri.Authority} returned HTTP status {(int)answer.Status}.");
    }

    /// <summary>Follows redirects; the login stays with the server that it was meant for.</summary>
    private async Task<RegistryResponse> SendAsync(AskedRight asked, TokenOrder order, bool post, CancellationToken cancellationToken)
    {
        Uri uri = order.Realm;
        for (int hops = 0; ; hops++)
        {
            bool same = RegistryAddress.SameServer(uri, order.Realm);
            using HttpRequestMessage request = post ? order.PostTo(uri) : order.GetFrom(uri, asItIs: hops > 0, withLogin: same);
            request.Options.Set(RegistryConnections.NotToLoopback, RegistryAddress.IsNotForLoopback(uri, asked.Server));
            using HttpResponseMessage response = await http.SendAsync(request, cancellationToken).ConfigureAwait(false);
            byte[] body = await BoundedContent.ReadAsync(response.Content, Limit, cancellationToken).ConfigureAwait(false)
                ?? throw RegistryErrors.TooLarge(asked.Repository, "a token", Limit);
            RegistryResponse answer = RegistryResponse.Of(response, body, uri, options.TimeProvider.GetUtcNow()) with { Secrets = order.Credential?.Secrets ?? Secrets.None };
            if (!answer.IsRedirect)
                return answer;
            Uri? next = hops < MostRedirects ? answer.RedirectTarget : null;
            if (next is null || (uri.Scheme == "https" && next.Scheme == "http") || !RegistryAddress.MayRefer(next, asked.Server, options)
                || (post && !RegistryAddress.SameServer(next, order.Realm)))
                throw RegistryErrors.Invalid(
                    asked.Repository, $"redirect from token server {uri.Authority} to {answer.Show(next?.Authority ?? "an invalid address")} not allowed.");
            uri = next;
        }
    }

    private static Grant Read(ImageRepository repository, RegistryResponse answer, DateTimeOffset asked, RegistryCredential? credential)
    {
        TokenAnswer? token;
        try
        {
            token = JsonSerializer.Deserialize(Utf8Text.WithoutMark(answer.Body), TokenJson.Default.TokenAnswer);
        }
        catch (JsonException e)
        {
            // Not the inner message: it may quote what it read.
            throw RegistryErrors.Invalid(repository, $"token server {answer.Uri.Authority} did not return JSON (byte {e.BytePositionInLine}).");
        }

        string? text = string.IsNullOrEmpty(token?.Token) ? token?.AccessToken : token.Token;
        if (string.IsNullOrEmpty(text) || text.Any(c => c is <= ' ' or > '~'))
            throw RegistryErrors.Invalid(repository, $"token server {answer.Uri.Authority} returned no token.");

        // A fifth of its life is left for the way and for clocks that differ, at most a minute.
        double lifetime = Seconds(token!.ExpiresIn) is > 0 and < 1e8 and double seconds ? seconds : DefaultLifetimeSeconds;
        return new Grant(
            new AuthenticationHeaderValue("Bearer", text), asked + TimeSpan.FromSeconds(lifetime - Math.Min(60, lifetime / 5)),
            credential is not null, new Secrets(text).With(credential?.Secrets ?? Secrets.None));
    }

    /// <summary>A hint, in whichever form; none is as good as one that cannot be read.</summary>
    private static double? Seconds(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Number when value.TryGetDouble(out double number) => number,
        JsonValueKind.String when double.TryParse(value.GetString(), NumberStyles.Float, CultureInfo.InvariantCulture, out double number) => number,
        _ => null,
    };

    /// <summary>
    /// What we need, whatever the registry asks for: a token for another repository, or for more than this request, is for its ends, not
    /// for ours. The same right under another name (Azure's for lists) is taken from the challenge.
    /// </summary>
    private static string Scope(AskedRight asked, string? wanted)
    {
        string prefix = $"repository:{asked.Path}:";
        string[] also = asked.Access == RegistryAccess.Push ? [.. Reading, .. Writing] : Reading;
        IEnumerable<string> named = (wanted ?? "").Split(' ', StringSplitOptions.RemoveEmptyEntries)
            .Where(s => s.StartsWith(prefix, StringComparison.Ordinal)).SelectMany(s => s[prefix.Length..].Split(',')).Intersect(also);
        return prefix + string.Join(',', asked.Access.Actions().Union(named).Order(StringComparer.Ordinal));
    }

    private Uri Realm(AskedRight asked, Challenge challenge)
    {
        if (!Uri.TryCreate(challenge["realm"], UriKind.Absolute, out Uri? realm) || realm.Scheme is not ("https" or "http"))
            throw RegistryErrors.Invalid(asked.Repository, "its authentication challenge has an invalid realm.");
        // A registry that is spoken to in HTTPS may not have the login sent in the clear, nor to a server of this machine.
        return RegistryAddress.MayRefer(realm, asked.Server, options)
            ? realm
            : throw RegistryErrors.Invalid(
                asked.Repository, $"sending credentials to token server {RemoteText.Show($"{realm.Scheme}://{realm.Authority}")} not allowed.");
    }
}

/// <summary>What a token is asked for with.</summary>
internal sealed record TokenOrder(Uri Realm, string? Service, string Scope, RegistryCredential? Credential)
{
    public bool Post() => Credential?.IdentityToken is not null;

    /// <param name="asItIs">The address has the query already: a redirect's.</param>
    /// <param name="withLogin">The server is the one that the login is for.</param>
    public HttpRequestMessage GetFrom(Uri uri, bool asItIs, bool withLogin)
    {
        var address = new UriBuilder(uri);
        if (!asItIs)
        {
            string query = $"scope={Uri.EscapeDataString(Scope)}";
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
            form.AddRange([new("grant_type", "password"), new("username", Credential?.UserName ?? ""), new("password", Credential?.Password ?? "")]);
        if (Service is not null)
            form.Add(new("service", Service));
        return new HttpRequestMessage(HttpMethod.Post, uri) { Content = new FormUrlEncodedContent(form) };
    }
}

/// <summary>The answer of a token server.</summary>
internal sealed class TokenAnswer
{
    [JsonPropertyName("token")]
    public string? Token { get; init; }

    [JsonPropertyName("access_token")]
    public string? AccessToken { get; init; }

    [JsonPropertyName("expires_in")]
    public JsonElement ExpiresIn { get; init; }
}

[JsonSerializable(typeof(TokenAnswer))]
[JsonSourceGenerationOptions(PropertyNameCaseInsensitive = true)]
internal sealed partial class TokenJson : JsonSerializerContext;
