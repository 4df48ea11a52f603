using System.Collections.Concurrent;
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
    public async ValueTask<Grant?> PresentAsync(ImageRepository repository, RegistryAccess access, CancellationToken cancellationToken)
    {
        Entry entry = EntryOf(repository, access);
        if (entry.Grant is Grant grant && time.GetUtcNow() < grant.RenewAt)
            return grant;
        Challenge? challenge = entry.Challenge ?? _usual;
        return challenge is null ? null : await ObtainAsync(entry, challenge, repository, access, null, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>What to send after a request was refused; null where there is no answer to the challenges.</summary>
    /// <param name="refused">What was sent with the refused request.</param>
    public async ValueTask<Grant?> AnswerAsync(
        ImageRepository repository, RegistryAccess access, IReadOnlyList<Challenge> challenges, Grant? refused, CancellationToken cancellationToken)
    {
        Challenge? challenge = challenges.FirstOrDefault(c => c.IsBearer) ?? challenges.FirstOrDefault(c => c.IsBasic);
        return challenge is null
            ? null
            : await ObtainAsync(EntryOf(repository, access), challenge, repository, access, refused, cancellationToken).ConfigureAwait(false);
    }

    private async ValueTask<Grant?> ObtainAsync(
        Entry entry, Challenge challenge, ImageRepository repository, RegistryAccess access, Grant? refused, CancellationToken cancellationToken)
    {
        await entry.Turn.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            // Somebody else may have obtained one meanwhile.
            if (entry.Grant is Grant present && present != refused && time.GetUtcNow() < present.RenewAt)
                return present;
            RegistryCredential? credential = await credentials.FindAsync(repository, cancellationToken).ConfigureAwait(false);
            Grant? grant = challenge.IsBearer
                ? await tokens.ObtainAsync(repository, challenge, access, credential, cancellationToken).ConfigureAwait(false)
                : Basic(credential);
            entry.Challenge = challenge;
            entry.Grant = grant;
            // The scope is the repository's own; realm and service are the registry's.
            _usual = challenge.IsBearer
                ? challenge with { Parameters = challenge.Parameters.Where(p => p.Key is "realm" or "service").ToDictionary(StringComparer.OrdinalIgnoreCase) }
                : challenge;
            return grant;
        }
        finally
        {
            entry.Turn.Release();
        }
    }

    private Grant? Basic(RegistryCredential? credential)
    {
        if (credential is null || credential.IdentityToken is not null)
            return null;
        return new Grant(BasicHeader(credential), time.GetUtcNow() + BasicLifetime, LoggedIn: true, credential.Secrets);
    }

    public static AuthenticationHeaderValue BasicHeader(RegistryCredential credential) =>
        new("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{credential.UserName}:{credential.Password}")));

    private Entry EntryOf(ImageRepository repository, RegistryAccess access)
    {
        if (_entries.Count > MostGrants)
            _entries.Clear();
        return _entries.GetOrAdd((repository.Path, access), static _ => new Entry());
    }

    private sealed class Entry
    {
        public SemaphoreSlim Turn { get; } = new(1);

        public volatile Challenge? Challenge;
        public volatile Grant? Grant;
    }
}

/// <summary>The right to make requests, as a header. Prints nothing of it.</summary>
/// <param name="RenewAt">From then on a new one is obtained, before this one ends.</param>
/// <param name="LoggedIn">False where it was given to nobody in particular.</param>
/// <param name="Secrets">Those of the header, and those that it was obtained with.</param>
internal sealed record Grant(AuthenticationHeaderValue Header, DateTimeOffset RenewAt, bool LoggedIn, Secrets Secrets)
{
    public override string ToString() => $"{Header.Scheme} (until {RenewAt:O})";
}
