using System.Text;
using CvManager.Registries.Credentials;

namespace CvManager.Registries.Ecr;

/// <summary>
/// The credential for the OCI endpoint of a private ECR registry, from <c>GetAuthorizationToken</c>. Tokens are valid for 12 hours and
/// renewed before they expire. Thread-safe: concurrent callers wait for the same request.
/// </summary>
/// <param name="registry">The host name of the registry: the credential is not returned for others.</param>
internal sealed class EcrLogin(EcrCaller ecr, string registry, TimeProvider time) : ICredentialSource, IDisposable
{
    /// <summary>
    /// The lifetime of tokens (Amazon ECR API, GetAuthorizationToken); a longer one means that the local clock is behind.
    /// </summary>
    private static readonly TimeSpan MaxLifetime = TimeSpan.FromHours(12);

    private readonly SemaphoreSlim _fetching = new(1);
    private Token? _token;

    public async ValueTask<RegistryCredential?> FindAsync(ImageRepository repository, CancellationToken cancellationToken)
    {
        if (!string.Equals(repository.Registry, registry, StringComparison.OrdinalIgnoreCase))
            return null;
        if (Volatile.Read(ref _token) is { } token && IsValid(token))
            return token.Credential;
        await _fetching.WaitAsync(cancellationToken);
        try
        {
            if (_token is { } fetched && IsValid(fetched))
                return fetched.Credential;
            var renewed = await FetchAsync(repository, cancellationToken);
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
        var response = await ecr.CallAsync(
            repository,
            "GetAuthorizationToken",
            (client, token) => client.GetAuthorizationTokenAsync(new GetAuthorizationTokenRequest(), token),
            cancellationToken
        );
        if (response.AuthorizationData is not [{ AuthorizationToken: string encoded, ExpiresAt: { } expires }, ..])
            throw RegistryErrors.Invalid(repository, "no authorization token.");
        var decoded = new byte[encoded.Length];
        if (
            !Convert.TryFromBase64String(encoded, decoded, out var length)
            || Encoding.UTF8.GetString(decoded, 0, length).Split(':', 2) is not [string user, string password]
        )
            throw RegistryErrors.Invalid(repository, "an invalid authorization token.");
        var life = new DateTimeOffset(expires, TimeSpan.Zero) - time.GetUtcNow();
        if (life > MaxLifetime)
            life = MaxLifetime;
        // Renewed a tenth of its lifetime, at most five minutes, before it expires, for requests in progress.
        var margin = TimeSpan.FromTicks(Math.Min(life.Ticks / 10, TimeSpan.FromMinutes(5).Ticks));
        return new Token(
            RegistryCredential.OfPassword(user, password).From("GetAuthorizationToken of ECR"),
            time.GetTimestamp(),
            life - margin
        );
    }

    /// <summary>Uses the monotonic clock, which is not affected when the system clock is set.</summary>
    private bool IsValid(Token token) => time.GetElapsedTime(token.FetchedAt) < token.Life;

    private sealed record Token(RegistryCredential Credential, long FetchedAt, TimeSpan Life);
}
