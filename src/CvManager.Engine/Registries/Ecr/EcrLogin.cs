using System.Text;
using CvManager.Registries.Credentials;

namespace CvManager.Registries.Ecr;

/// <summary>
/// The login to a private ECR registry's OCI endpoint, by <c>GetAuthorizationToken</c>. A token lives 12 hours; it is renewed before
/// its end, so that no request meets an expired one. Thread-safe: whoever comes while a token is fetched waits for that one.
/// </summary>
/// <param name="registry">The host name that the login is for: it is given to no other.</param>
internal sealed class EcrLogin(EcrCaller ecr, string registry, TimeProvider time) : ICredentialSource, IDisposable
{
    /// <summary>What the service gives (Amazon ECR API, GetAuthorizationToken); more than that is a clock that is behind.</summary>
    private static readonly TimeSpan LongestLife = TimeSpan.FromHours(12);

    private readonly SemaphoreSlim _fetching = new(1);
    private Token? _token;

    public async ValueTask<RegistryCredential?> FindAsync(ImageRepository repository, CancellationToken cancellationToken)
    {
        if (!string.Equals(repository.Registry, registry, StringComparison.OrdinalIgnoreCase))
            return null;
        if (Volatile.Read(ref _token) is { } token && IsGood(token))
            return token.Credential;
        await _fetching.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (_token is { } fetched && IsGood(fetched))
                return fetched.Credential;
            Token renewed = await FetchAsync(repository, cancellationToken).ConfigureAwait(false);
            Volatile.Write(ref _token, renewed);
            return renewed.Credential;
        }
        finally
        {
            _fetching.Release();
        }
    }

    public void Dispose() => _fetching.Dispose();

    private async Task<Token> FetchAsync(ImageRepository repository, CancellationToken cancellationToken)
    {
        GetAuthorizationTokenResponse answer = await ecr.CallAsync(repository, "GetAuthorizationToken",
            (client, token) => client.GetAuthorizationTokenAsync(new GetAuthorizationTokenRequest(), token), cancellationToken).ConfigureAwait(false);
        if (answer.AuthorizationData is not [{ AuthorizationToken: string encoded, ExpiresAt: { } expires }, ..])
            throw RegistryErrors.Invalid(repository, "no authorization token.");
        byte[] decoded = new byte[encoded.Length];
        if (!Convert.TryFromBase64String(encoded, decoded, out int length)
            || Encoding.UTF8.GetString(decoded, 0, length).Split(':', 2) is not [string user, string password])
            throw RegistryErrors.Invalid(repository, "an invalid authorization token.");
        TimeSpan life = new DateTimeOffset(expires, TimeSpan.Zero) - time.GetUtcNow();
        if (life > LongestLife)
            life = LongestLife;
        // A tenth of its life, at most five minutes, is kept for the requests that are under way with it.
        TimeSpan margin = TimeSpan.FromTicks(Math.Min(life.Ticks / 10, TimeSpan.FromMinutes(5).Ticks));
        return new Token(RegistryCredential.OfPassword(user, password), time.GetTimestamp(), life - margin);
    }

    /// <summary>By the monotonic clock: one that was set back must not keep an expired token.</summary>
    private bool IsGood(Token token) => time.GetElapsedTime(token.FetchedAt) < token.Life;

    private sealed record Token(RegistryCredential Credential, long FetchedAt, TimeSpan Life);
}
