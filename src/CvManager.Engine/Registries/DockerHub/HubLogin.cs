using System.Collections.Concurrent;
using System.Net.Http.Headers;
using System.Text.Json;
using CvManager.Registries.Credentials;
using CvManager.Registries.Oci;

namespace CvManager.Registries.DockerHub;

/// <summary>
/// Logs in to Docker Hub's API with the login of its registry, for private repositories and higher limits: user and password, or an
/// access token in the password's place. Thread-safe.
/// </summary>
internal sealed class HubLogin(RegistryTransport transport, ICredentialSource credentials, TimeProvider time) : IDisposable
{
    /// <summary>The Hub's tokens live ten minutes; a refused login is not tried again before that, either.</summary>
    private static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(8);

    private const int MostAnswers = 256;

    private readonly SemaphoreSlim _turn = new(1);
    private readonly ConcurrentDictionary<(string UserName, string Password), Answer> _answers = new();

    /// <returns>Whether the Hub refused the login; otherwise what to send, which is nothing where there is no login.</returns>
    public async Task<(bool Refused, Grant? Grant)> FindAsync(ImageRepository repository, CancellationToken cancellationToken)
    {
        // Identity tokens are for the registry's token server alone.
        List<RegistryCredential> logins = [.. (await credentials.FindAllAsync(repository, cancellationToken).ConfigureAwait(false)).Where(c => c.UserName.Length > 0)];
        if (logins.Count == 0)
            return (false, null);
        await _turn.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            foreach (RegistryCredential login in logins)
            {
                if (!_answers.TryGetValue((login.UserName, login.Password), out Answer? answer) || answer.Until <= time.GetUtcNow())
                {
                    if (_answers.Count > MostAnswers)
                        _answers.Clear();
                    Grant? grant = await LogInAsync(repository, login, cancellationToken).ConfigureAwait(false);
                    _answers[(login.UserName, login.Password)] = answer = new Answer(grant, time.GetUtcNow() + Lifetime);
                }

                if (answer.Grant is not null)
                    return (false, answer.Grant);
            }

            return (true, null);
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <summary>Drops what turned out not to be accepted.</summary>
    public void Forget(Grant? grant)
    {
        foreach (((string, string) login, Answer answer) in _answers)
        {
            if (answer.Grant == grant)
                _answers.TryRemove(new(login, answer));
        }
    }

    public void Dispose() => _turn.Dispose();

    private async Task<Grant?> LogInAsync(ImageRepository repository, RegistryCredential credential, CancellationToken cancellationToken)
    {
        byte[] body = JsonSerializer.SerializeToUtf8Bytes(
            new HubTokenRequest { Identifier = credential.UserName, Secret = credential.Password }, HubJson.Default.HubTokenRequest);
        try
        {
            RegistryResponse response = await transport.SendAsync(
                new RegistryRequest(HttpMethod.Post, new Uri(HubApi.Address, "v2/auth/token"), repository, RegistryAccess.Pull)
                    { What = "a token", Body = body, ContentType = "application/json", Accept = ["application/json"] },
                cancellationToken).ConfigureAwait(false);
            string? token = response.IsSuccess ? JsonSerializer.Deserialize(response.Body, HubJson.Default.HubToken)?.AccessToken : null;
            return string.IsNullOrEmpty(token) || token.Any(c => c is <= ' ' or > '~')
                ? null
                : new Grant(new AuthenticationHeaderValue("Bearer", token), time.GetUtcNow() + Lifetime, LoggedIn: true, new Secrets(token).With(credential.Secrets));
        }
        catch (Exception e) when (e is CvException or JsonException)
        {
            // The registry itself has its own login, and says what is wrong with this one.
            return null;
        }
    }

    private sealed record Answer(Grant? Grant, DateTimeOffset Until);
}
