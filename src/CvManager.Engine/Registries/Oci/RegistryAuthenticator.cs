using System.Collections.Concurrent;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using CvManager.Registries.Credentials;

namespace CvManager.Registries.Oci;

/// <summary>
/// Answers one registry's challenges, and remembers the answers so that later requests need not be refused first. Thread-safe.
/// </summary>
internal sealed class RegistryAuthenticator(TokenServer tokens, ICredentialSource credentials, TimeProvider time)
{
    // Helper programs are slow, and people change their logins seldom. A refused login is looked up again at once.
    private static readonly TimeSpan BasicLifetime = TimeSpan.FromMinutes(10);
    private const int MostGrants = 8192;

    private readonly ConcurrentDictionary<(string Path, RegistryAccess Access), Entry> _entries = new();
    private volatile Challenge? _usual;

    /// <summary>What to send with a request before it was refused; null for nothing.</summary>
    public async ValueTask<Grant?> PresentAsync(AskedRight asked, LoginAttempt attempt, CancellationToken cancellationToken)
    {
        Entry entry = EntryOf(asked);
        if (entry.Grant is Grant grant && time.GetUtcNow() < grant.RenewAt)
            return grant;
        Challenge? challenge = entry.Challenge ?? _usual;
        return challenge is null ? null : await ObtainAsync(entry, challenge, asked, null, attempt, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>What to send after a request was refused; null where there is no further answer to the challenges.</summary>
    /// <param name="refused">What was sent with the refused request.</param>
    /// <param name="attempt">The logins that were tried for that request.</param>
    public async ValueTask<Grant?> AnswerAsync(
        AskedRight asked, RegistryResponse response, Grant? refused, LoginAttempt attempt, CancellationToken cancellationToken)
    {
        Entry entry = EntryOf(asked);
        Challenge? challenge = response.Challenges.FirstOrDefault(c => c.IsBearer && !string.IsNullOrEmpty(c["realm"]))
            ?? response.Challenges.FirstOrDefault(c => c.IsBasic)
            ?? (response.Challenges.Count > 0 ? null : entry.Challenge ?? _usual ?? Challenge.Basic);
        if (response.Status == HttpStatusCode.Forbidden)
            attempt.LoginsOnly = true;
        return challenge is null ? null : await ObtainAsync(entry, challenge, asked, refused, attempt, cancellationToken).ConfigureAwait(false);
    }

    private async ValueTask<Grant?> ObtainAsync(
        Entry entry, Challenge challenge, AskedRight asked, Grant? refused, LoginAttempt attempt, CancellationToken cancellationToken)
    {
        await entry.Turn.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            // Somebody else may have obtained one meanwhile.
            if (entry.Grant is Grant present && present != refused && time.GetUtcNow() < present.RenewAt && attempt.Next == 0)
                return present;
            Grant? grant = await NextAsync(challenge, asked, attempt, cancellationToken).ConfigureAwait(false);
            if (grant is null && attempt.Next > 0)
                return null;
            entry.Challenge = challenge;
            entry.Grant = grant;
            // The scope is the repository's own; realm and service are the registry's.
            _usual = challenge.OfRegistry();
            return grant;
        }
        finally
        {
            entry.Turn.Release();
        }
    }

    /// <summary>
    /// The grant of the next login that one can be had for. All logins for the registry are tried, as the kubelet does, and then, where
    /// reading is all that is wanted, none: what is public is so for those, too, whose login has ended.
    /// </summary>
    private async ValueTask<Grant?> NextAsync(Challenge challenge, AskedRight asked, LoginAttempt attempt, CancellationToken cancellationToken)
    {
        attempt.Logins ??= await FindLoginsAsync(asked.Repository, attempt, cancellationToken).ConfigureAwait(false);
        // Another login than the one that was refused, or the same with a new token, is the only thing that may help.
        if (attempt.LoginsOnly && attempt.Logins.Count < 2)
            return null;
        bool anonymous = challenge.IsBearer && (attempt.Logins.Count == 0 || (asked.Access == RegistryAccess.Pull && !attempt.LoginsOnly));
        int count = attempt.Logins.Count + (anonymous ? 1 : 0);
        while (attempt.Next < count)
        {
            RegistryCredential? credential = attempt.Next < attempt.Logins.Count ? attempt.Logins[attempt.Next] : null;
            attempt.Next++;
            try
            {
                if (credential?.RegistryToken is string token)
                    return new Grant(new AuthenticationHeaderValue("Bearer", token), time.GetUtcNow() + BasicLifetime, LoggedIn: true, credential.Secrets);
                if (challenge.IsBearer)
                    return await tokens.ObtainAsync(asked, challenge, credential, cancellationToken).ConfigureAwait(false);
                if (credential is { IdentityToken: null })
                    return new Grant(BasicHeader(credential), time.GetUtcNow() + BasicLifetime, LoggedIn: true, credential.Secrets);
            }
            catch (CvException e) when (e.Kind is CvErrorKind.Unauthenticated or CvErrorKind.Forbidden)
            {
                // The first login is the one that is meant to be good.
                attempt.Refusal ??= e;
            }
        }

        return attempt.Refusal is null ? null : throw attempt.Refusal;
    }

    /// <summary>A login that cannot be read (a helper program that is missing) is no obstacle to what is public: it is told of where that does not serve.</summary>
    private async ValueTask<IReadOnlyList<RegistryCredential>> FindLoginsAsync(ImageRepository repository, LoginAttempt attempt, CancellationToken cancellationToken)
    {
        try
        {
            return await credentials.FindAllAsync(repository, cancellationToken).ConfigureAwait(false);
        }
        catch (CvException e)
        {
            attempt.Refusal = e;
            return [];
        }
    }

    public static AuthenticationHeaderValue BasicHeader(RegistryCredential credential) =>
        new("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{credential.UserName}:{credential.Password}")));

    private Entry EntryOf(AskedRight asked)
    {
        if (_entries.Count > MostGrants)
            _entries.Clear();
        return _entries.GetOrAdd((asked.Path, asked.Access), static _ => new Entry());
    }

    private sealed class Entry
    {
        public SemaphoreSlim Turn { get; } = new(1);

        public volatile Challenge? Challenge;
        public volatile Grant? Grant;
    }
}

/// <summary>What a right is asked for.</summary>
/// <param name="Repository">Whose logins are used, and named in errors.</param>
/// <param name="Server">The server that asks for it: that of the repository, or another one that it redirects to.</param>
/// <param name="Path">The repository's path at that server.</param>
internal sealed record AskedRight(ImageRepository Repository, Uri Server, string Path, RegistryAccess Access);

/// <summary>The logins that were tried for one request.</summary>
internal sealed class LoginAttempt
{
    /// <summary>Those for the registry, in the order in which they are tried; null before one was needed.</summary>
    public IReadOnlyList<RegistryCredential>? Logins { get; set; }

    /// <summary>The one that is next; their number for none at all.</summary>
    public int Next { get; set; }

    /// <summary>Why the first of them, that was refused, was refused.</summary>
    public CvException? Refusal { get; set; }

    /// <summary>To have no login is of no use.</summary>
    public bool LoginsOnly { get; set; }
}

/// <summary>The right to make requests, as a header. Prints nothing of it.</summary>
/// <param name="RenewAt">From then on a new one is obtained, before this one ends.</param>
/// <param name="LoggedIn">False where it was given to nobody in particular.</param>
/// <param name="Secrets">Those of the header, and those that it was obtained with.</param>
internal sealed record Grant(AuthenticationHeaderValue Header, DateTimeOffset RenewAt, bool LoggedIn, Secrets Secrets)
{
    public override string ToString() => $"{Header.Scheme} (until {RenewAt:O})";
}
