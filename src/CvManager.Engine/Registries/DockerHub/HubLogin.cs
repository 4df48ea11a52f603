using System.Collections.Concurrent;
using System.Net.Http.Headers;
using System.Text.Json;
using CvManager.Registries.Credentials;
using CvManager.Registries.Oci;

namespace CvManager.Registries.DockerHub;

/// <summary>
/// Logs in to Docker Hub's API with the credential of its registry (user name and password or access token), for private repositories and
/// higher limits. Thread-safe.
/// </summary>
internal sealed class HubLogin(RegistryTransport transport, ICredentialSource credentials, TimeProvider time) : IDisposable
{
    /// <summary>The Hub's tokens are valid for ten minutes; a rejected credential is not retried before this time, either.</summary>
    private static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(8);

    private const int MaxTokens = 256;

    private readonly SemaphoreSlim _turn = new(1);
    private readonly ConcurrentDictionary<(string UserName, string Password), Token> _tokens = new();

    /// <returns>Whether the Hub rejected the credentials; otherwise the header to send, or null without credentials.</returns>
    public async Task<(bool Refused, RegistryAuthorization? Authorization)> FindAsync(
        ImageRepository repository,
        CancellationToken cancellationToken
    )
    {
        // Identity tokens are only for the registry's token server.
        List<RegistryCredential> logins =
        [
            .. (await credentials.FindAllAsync(repository, cancellationToken)).Where(c => c.UserName.Length > 0),
        ];
        if (logins.Count == 0)
            return (false, null);
        await _turn.WaitAsync(cancellationToken);
        try
        {
            foreach (var login in logins)
            {
                if (!_tokens.TryGetValue((login.UserName, login.Password), out var token) || token.Until <= time.GetUtcNow())
                {
                    if (_tokens.Count > MaxTokens)
                        _tokens.Clear();
                    var authorization = await LogInAsync(repository, login, cancellationToken);
                    _tokens[(login.UserName, login.Password)] = token = new Token(authorization, time.GetUtcNow() + Lifetime);
                }

                if (token.Authorization is not null)
                    return (false, token.Authorization);
            }

            return (true, null);
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <summary>Removes a token that was rejected.</summary>
    public void Invalidate(RegistryAuthorization? authorization)
    {
        foreach (((string, string) login, var token) in _tokens)
        {
            if (token.Authorization == authorization)
                _tokens.TryRemove(new(login, token));
        }
    }

    public void Dispose() => _turn.Dispose();

    private async Task<RegistryAuthorization?> LogInAsync(
        ImageRepository repository,
        RegistryCredential credential,
        CancellationToken cancellationToken
    )
    {
        var body = JsonSerializer.SerializeToUtf8Bytes(
            new HubTokenRequest { Identifier = credential.UserName, Secret = credential.Password },
            HubJson.Default.HubTokenRequest
        );
        try
        {
            var response = await transport.SendAsync(
                new RegistryRequest(HttpMethod.Post, new Uri(HubApi.Address, "v2/auth/token"), repository, RegistryAccess.Pull)
                {
                    What = "a token",
                    Body = body,
                    ContentType = "application/json",
                    Accept = ["application/json"],
                },
                cancellationToken
            );
            var token = response.IsSuccess ? JsonSerializer.Deserialize(response.Body, HubJson.Default.HubToken)?.AccessToken : null;
            return string.IsNullOrEmpty(token) || token.Any(c => c is <= ' ' or > '~')
                ? null
                : new RegistryAuthorization(
                    new AuthenticationHeaderValue("Bearer", token),
                    time.GetUtcNow() + Lifetime,
                    LoggedIn: true,
                    new Secrets(token).With(credential.Secrets)
                );
        }
        catch (Exception e) when (e is CvException or JsonException)
        {
            // The caller falls back to the registry, which reports what is wrong with the credential.
            return null;
        }
    }

    private sealed record Token(RegistryAuthorization? Authorization, DateTimeOffset Until);
}
