using System.Collections.Concurrent;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using CvManager.Registries.Credentials;

namespace CvManager.Registries.Oci;

/// <summary>
/// Answers the authentication challenges of one registry, and caches the resulting headers for later requests. Thread-safe.
/// </summary>
internal sealed class RegistryAuthenticator(TokenServer tokens, ICredentialSource credentials, TimeProvider time)
{
    // Credential helpers are slow and credentials rarely change. After a rejection, they are read again at once.
    private static readonly TimeSpan BasicLifetime = TimeSpan.FromMinutes(10);
    private const int MaxGrants = 8192;

    private readonly ConcurrentDictionary<(string Path, RegistryAccess Access), Entry> _entries = new();
    private volatile Challenge? _registryChallenge;

    /// <summary>The header for the first attempt of a request; null for none.</summary>
    public async ValueTask<RegistryAuthorization?> PresentAsync(
        AccessRequest access,
        LoginAttempt attempt,
        CancellationToken cancellationToken
    )
    {
        var entry = EntryOf(access);
        if (entry.Authorization is RegistryAuthorization authorization && time.GetUtcNow() < authorization.RenewAt)
            return authorization;
        var challenge = entry.Challenge ?? _registryChallenge;
        return challenge is null ? null : await ObtainAsync(entry, challenge, access, null, attempt, cancellationToken);
    }

    /// <summary>The header to retry a rejected request with; null if there is no further credential.</summary>
    /// <param name="refused">The header of the rejected request.</param>
    /// <param name="attempt">The credentials that were tried for the request.</param>
    public async ValueTask<RegistryAuthorization?> AnswerAsync(
        AccessRequest access,
        RegistryResponse response,
        RegistryAuthorization? refused,
        LoginAttempt attempt,
        CancellationToken cancellationToken
    )
    {
        var entry = EntryOf(access);
        var challenge =
            response.Challenges.FirstOrDefault(c => c.IsBearer && !string.IsNullOrEmpty(c["realm"]))
            ?? response.Challenges.FirstOrDefault(c => c.IsBasic)
            ?? (response.Challenges.Count > 0 ? null : entry.Challenge ?? _registryChallenge ?? Challenge.Basic);
        if (response.Status == HttpStatusCode.Forbidden)
            attempt.LoginsOnly = true;
        return challenge is null ? null : await ObtainAsync(entry, challenge, access, refused, attempt, cancellationToken);
    }

    private async ValueTask<RegistryAuthorization?> ObtainAsync(
        Entry entry,
        Challenge challenge,
        AccessRequest access,
        RegistryAuthorization? refused,
        LoginAttempt attempt,
        CancellationToken cancellationToken
    )
    {
        await entry.Lock.WaitAsync(cancellationToken);
        try
        {
            // A concurrent request may have obtained one.
            if (
                entry.Authorization is RegistryAuthorization present
                && present != refused
                && time.GetUtcNow() < present.RenewAt
                && attempt.Next == 0
            )
                return present;
            var authorization = await NextAsync(challenge, access, attempt, cancellationToken);
            if (authorization is null && attempt.Next > 0)
                return null;
            entry.Challenge = challenge;
            entry.Authorization = authorization;
            // Scope is specific to the repository; realm and service are not.
            _registryChallenge = challenge.OfRegistry();
            return authorization;
        }
        finally
        {
            entry.Lock.Release();
        }
    }

    /// <summary>
    /// The header for the next usable credential. All credentials for the registry are tried, as the kubelet does, and then, for read
    /// access, anonymous access: an expired credential must not prevent access to public repositories.
    /// </summary>
    private async ValueTask<RegistryAuthorization?> NextAsync(
        Challenge challenge,
        AccessRequest access,
        LoginAttempt attempt,
        CancellationToken cancellationToken
    )
    {
        attempt.Logins ??= await FindLoginsAsync(access.Repository, attempt, cancellationToken);
        // Only another credential can help.
        if (attempt.LoginsOnly && attempt.Logins.Count < 2)
            return null;
        var anonymous = challenge.IsBearer && (attempt.Logins.Count == 0 || (access.Access == RegistryAccess.Pull && !attempt.LoginsOnly));
        var count = attempt.Logins.Count + (anonymous ? 1 : 0);
        while (attempt.Next < count)
        {
            var credential = attempt.Next < attempt.Logins.Count ? attempt.Logins[attempt.Next] : null;
            attempt.Next++;
            try
            {
                if (credential?.RegistryToken is string token)
                    return new RegistryAuthorization(
                        new AuthenticationHeaderValue("Bearer", token),
                        time.GetUtcNow() + BasicLifetime,
                        LoggedIn: true,
                        credential.Secrets
                    )
                    {
                        Source = credential.Source,
                    };
                if (challenge.IsBearer)
                    return await tokens.ObtainAsync(access, challenge, credential, cancellationToken);
                if (credential is { IdentityToken: null })
                    return new RegistryAuthorization(
                        BasicHeader(credential),
                        time.GetUtcNow() + BasicLifetime,
                        LoggedIn: true,
                        credential.Secrets
                    )
                    {
                        Source = credential.Source,
                    };
            }
            catch (CvException e) when (e.Kind is CvErrorKind.Unauthenticated or CvErrorKind.Forbidden)
            {
                // Report the first rejection: that is the preferred credential.
                attempt.Refusal ??= e;
            }
        }

        return attempt.Refusal is null ? null : throw attempt.Refusal;
    }

    /// <summary>If credentials cannot be read (a missing helper), anonymous access is tried; the error is thrown if that fails.</summary>
    private async ValueTask<IReadOnlyList<RegistryCredential>> FindLoginsAsync(
        ImageRepository repository,
        LoginAttempt attempt,
        CancellationToken cancellationToken
    )
    {
        try
        {
            return await credentials.FindAllAsync(repository, cancellationToken);
        }
        catch (CvException e)
        {
            attempt.Refusal = e;
            return [];
        }
    }

    public static AuthenticationHeaderValue BasicHeader(RegistryCredential credential) =>
        new("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{credential.UserName}:{credential.Password}")));

    private Entry EntryOf(AccessRequest access)
    {
        if (_entries.Count > MaxGrants)
            _entries.Clear();
        return _entries.GetOrAdd((access.Path, access.Access), static _ => new Entry());
    }

    private sealed class Entry
    {
        public SemaphoreSlim Lock { get; } = new(1);

        public volatile Challenge? Challenge;
        public volatile RegistryAuthorization? Authorization;
    }
}

/// <summary>The access that a request requires.</summary>
/// <param name="Repository">The repository, for its credentials and for errors.</param>
/// <param name="Server">The server that requires authentication: the registry, or another server that it redirects to.</param>
/// <param name="Path">The path of the repository on that server.</param>
internal sealed record AccessRequest(ImageRepository Repository, Uri Server, string Path, RegistryAccess Access);

/// <summary>The credentials that were tried for one request.</summary>
internal sealed class LoginAttempt
{
    /// <summary>The credentials for the registry in the order to try them; null before authentication is required.</summary>
    public IReadOnlyList<RegistryCredential>? Logins { get; set; }

    /// <summary>The index of the next credential; their number for anonymous access.</summary>
    public int Next { get; set; }

    /// <summary>The error of the first rejected credential.</summary>
    public CvException? Refusal { get; set; }

    /// <summary>True if anonymous access is not sufficient.</summary>
    public bool LoginsOnly { get; set; }
}

/// <summary>An Authorization header. Prints no secret.</summary>
/// <param name="RenewAt">When to obtain a new one, before this one expires.</param>
/// <param name="LoggedIn">False for anonymous access.</param>
/// <param name="Secrets">The secrets of the header, and of the credential it was obtained with.</param>
internal sealed record RegistryAuthorization(AuthenticationHeaderValue Header, DateTimeOffset RenewAt, bool LoggedIn, Secrets Secrets)
{
    /// <summary>Where the credential comes from, for the log; null for anonymous access.</summary>
    public string? Source { get; init; }

    public override string ToString() => $"{Header.Scheme} (until {RenewAt:O})";
}
