using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using System.Text.Json.Serialization;
using CvManager.Registries.Credentials;

namespace CvManager.Registries.Oci;

/// <summary>
/// Obtains bearer tokens from the server that a registry names in its challenge: by GET with user and password or anonymously, by POST
/// with an identity token (the distribution project's token and OAuth2 specifications).
/// </summary>
internal sealed class TokenServer(HttpMessageInvoker http, RegistryClientOptions options)
{
    private const int Limit = 1024 * 1024;
    private const int DefaultLifetimeSeconds = 60;

    public async Task<Grant> ObtainAsync(
        ImageRepository repository, Challenge challenge, RegistryAccess access, RegistryCredential? credential, CancellationToken cancellationToken)
    {
        Uri realm = Realm(repository, challenge);
        DateTimeOffset asked = options.TimeProvider.GetUtcNow();
        using HttpRequestMessage request = Request(realm, challenge["service"], Scope(repository, challenge["scope"], access), credential);
        using HttpResponseMessage response = await http.SendAsync(request, cancellationToken).ConfigureAwait(false);
        byte[] body = await BoundedContent.ReadAsync(response.Content, Limit, cancellationToken).ConfigureAwait(false)
            ?? throw RegistryErrors.TooLarge(repository, "a token", Limit);
        RegistryResponse answer = RegistryResponse.Of(response, body, realm, asked);
        switch (answer.Status)
        {
            case HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden or HttpStatusCode.BadRequest:
                throw RegistryErrors.Unauthorized(repository, credential is not null);
            case HttpStatusCode.TooManyRequests:
                throw RegistryErrors.RateLimited(repository, answer.RetryAfter);
            case >= HttpStatusCode.InternalServerError:
                throw RegistryErrors.Unreachable(repository, $"its token server {realm.Authority} answers {(int)answer.Status}.");
            case not HttpStatusCode.OK:
                throw RegistryErrors.Invalid(repository, $"its token server {realm.Authority} answers {(int)answer.Status}.");
        }

        return Read(repository, realm, answer, asked, credential);
    }

    private static Grant Read(ImageRepository repository, Uri realm, RegistryResponse answer, DateTimeOffset asked, RegistryCredential? credential)
    {
        TokenAnswer? token;
        try
        {
            token = JsonSerializer.Deserialize(answer.Body, TokenJson.Default.TokenAnswer);
        }
        catch (JsonException e)
        {
            // Not the inner message: it may quote what it read.
            throw RegistryErrors.Invalid(repository, $"its token server {realm.Authority} sends no JSON (at byte {e.BytePositionInLine}).");
        }

        string? text = string.IsNullOrEmpty(token?.Token) ? token?.AccessToken : token.Token;
        if (string.IsNullOrEmpty(text) || text.Any(c => c is <= ' ' or > '~'))
            throw RegistryErrors.Invalid(repository, $"its token server {realm.Authority} sends no token.");

        // A fifth of its life is left for the way and for clocks that differ, at most a minute.
        double lifetime = token!.ExpiresIn is > 0 and < 1e8 ? token.ExpiresIn.Value : DefaultLifetimeSeconds;
        return new Grant(
            new AuthenticationHeaderValue("Bearer", text), asked + TimeSpan.FromSeconds(lifetime - Math.Min(60, lifetime / 5)),
            credential is not null, new Secrets(text).With(credential?.Secrets ?? Secrets.None));
    }

    private static HttpRequestMessage Request(Uri realm, string? service, string scope, RegistryCredential? credential)
    {
        if (credential?.IdentityToken is string identity)
        {
            List<KeyValuePair<string, string>> form =
            [
                new("grant_type", "refresh_token"), new("client_id", "cvmanager"), new("scope", scope), new("refresh_token", identity),
            ];
            if (service is not null)
                form.Add(new("service", service));
            return new HttpRequestMessage(HttpMethod.Post, realm) { Content = new FormUrlEncodedContent(form) };
        }

        string query = $"scope={Uri.EscapeDataString(scope)}";
        if (service is not null)
            query += $"&service={Uri.EscapeDataString(service)}";
        if (credential is not null)
            query += $"&account={Uri.EscapeDataString(credential.UserName)}";
        var address = new UriBuilder(realm);
        address.Query = address.Query.Length > 1 ? $"{address.Query}&{query}" : query;
        var request = new HttpRequestMessage(HttpMethod.Get, address.Uri);
        if (credential is not null)
            request.Headers.Authorization = RegistryAuthenticator.BasicHeader(credential);
        return request;
    }

    /// <summary>What the challenge asks for, and what we need beside it; so that one token serves reading and then writing.</summary>
    private static string Scope(ImageRepository repository, string? asked, RegistryAccess access)
    {
        string prefix = $"repository:{repository.Path}:";
        if (string.IsNullOrEmpty(asked))
            return prefix + string.Join(',', access.Actions());
        return asked.StartsWith(prefix, StringComparison.Ordinal) && !asked.Contains(' ', StringComparison.Ordinal)
            ? prefix + string.Join(',', asked[prefix.Length..].Split(',').Union(access.Actions()).Order(StringComparer.Ordinal))
            : asked;
    }

    private Uri Realm(ImageRepository repository, Challenge challenge)
    {
        string? text = challenge["realm"];
        if (!Uri.TryCreate(text, UriKind.Absolute, out Uri? realm) || realm.UserInfo.Length > 0 || realm.Scheme is not ("https" or "http"))
            throw RegistryErrors.Invalid(repository, "it asks for a token of a server that it names wrongly.");
        // A registry that is spoken to in HTTPS may not have the login sent in the clear, nor to a server of this machine.
        string host = RegistryAddress.HostOf(repository.Registry);
        bool plainAllowed = RegistryAddress.IsPlain(repository.Registry, options)
            && (RegistryAddress.IsLoopback(realm.Host) || realm.Host.Equals(host, StringComparison.OrdinalIgnoreCase));
        if (realm.Scheme == "http" && !plainAllowed)
            throw RegistryErrors.Invalid(repository, $"it asks for a login in plain HTTP at {realm.Authority}.");
        return realm;
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
    public double? ExpiresIn { get; init; }
}

[JsonSerializable(typeof(TokenAnswer))]
internal sealed partial class TokenJson : JsonSerializerContext;
