using System.Text;
using System.Text.Json.Nodes;
using CvManager.Cluster;
using CvManager.Registries;
using CvManager.Registries.Credentials;
using Microsoft.Extensions.Logging;

namespace CvManager.Following;

/// <summary>
/// Reads the logins of image pull Secrets (types <c>kubernetes.io/dockerconfigjson</c> and <c>kubernetes.io/dockercfg</c>), and the Secrets
/// that a service account references. Both are cached. Thread-safe.
/// </summary>
/// <remarks>A missing Secret is ignored, as the kubelet does; a Secret that may not be read or is not a pull Secret is logged.</remarks>
internal sealed partial class PullSecrets(ClusterConnection cluster, EngineEnvironment environment)
{
    /// <summary>Both change rarely, and a login that a registry rejects is read again at once.</summary>
    private static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(10);

    /// <summary>Many resources may share a rejected login: it is read again at most this often.</summary>
    private static readonly TimeSpan MinAge = TimeSpan.FromSeconds(10);

    private const int MaxEntries = 20_000;

    private readonly ReadCache<DockerConfigText?> _secrets = new(MaxEntries, environment.Time);
    private readonly ReadCache<IReadOnlyList<string>> _accounts = new(MaxEntries, environment.Time);

    /// <summary>The credentials of the Secrets for a repository, in the order of the Secrets.</summary>
    /// <param name="refresh">True if the registry rejected the cached login.</param>
    public async ValueTask<IReadOnlyList<RegistryCredential>> FindAsync(
        string ns,
        IEnumerable<string> names,
        ImageRepository repository,
        bool refresh,
        CancellationToken cancellationToken
    )
    {
        List<RegistryCredential> credentials = [];
        foreach (var name in names)
        {
            try
            {
                var secret = await _secrets.GetAsync(
                    $"{ns}/{name}",
                    refresh ? MinAge : Lifetime,
                    token => ReadAsync(ns, name, token),
                    cancellationToken
                );
                if (secret is not null)
                    credentials.AddRange(await secret.FindAllAsync(repository, cancellationToken));
            }
            catch (CvException e) when (e.ErrorId == ErrorIds.RegistryCredentialInvalid)
            {
                LogUnusable(environment.Logger, ns, name, e.Message, e.Remedy);
            }
        }

        return credentials;
    }

    /// <summary>The names of the pull Secrets of a service account.</summary>
    public ValueTask<IReadOnlyList<string>> OfAccountAsync(string ns, string account, CancellationToken cancellationToken) =>
        _accounts.GetAsync($"{ns}/{account}", Lifetime, token => ReadAccountAsync(ns, account, token), cancellationToken);

    private async Task<IReadOnlyList<string>> ReadAccountAsync(string ns, string account, CancellationToken cancellationToken)
    {
        try
        {
            var read = await cluster.GetAsync(new ResourcePath("", "v1", "serviceaccounts", ns, account), cancellationToken);
            return [.. read.Items("imagePullSecrets").Select(secret => secret.Text("name")).OfType<string>()];
        }
        catch (CvException e) when (e.Kind is CvErrorKind.NotFound or CvErrorKind.Forbidden)
        {
            LogUnreadable(environment.Logger, ns, account, e.Message);
            return [];
        }
    }

    private async Task<DockerConfigText?> ReadAsync(string ns, string name, CancellationToken cancellationToken)
    {
        try
        {
            if (await cluster.FindAsync(new ResourcePath("", "v1", "secrets", ns, name), cancellationToken) is { } secret)
                return Read(secret, $"Secret {ns}/{name}");
            LogMissing(environment.Logger, ns, name);
        }
        catch (CvException e) when (e.Kind is CvErrorKind.Forbidden or CvErrorKind.Invalid)
        {
            LogUnusable(environment.Logger, ns, name, e.Message, e.Remedy);
        }

        return null;
    }

    private static DockerConfigText? Read(JsonObject secret, string source)
    {
        if (Decode(secret, ".dockerconfigjson", source) is { } config)
            return new DockerConfigText(config, source);
        // The older type contains only the map of logins.
        return Decode(secret, ".dockercfg", source) is { } logins ? new DockerConfigText($$"""{"auths":{{logins}}}""", source) : null;
    }

    private static string? Decode(JsonObject secret, string key, string source)
    {
        if (secret.Text("data", key) is not { } encoded)
            return null;
        try
        {
            return Encoding.UTF8.GetString(Convert.FromBase64String(encoded)).TrimStart('\ufeff');
        }
        catch (FormatException)
        {
            throw new CvException(
                ErrorIds.RegistryCredentialInvalid,
                CvErrorKind.Invalid,
                $"Key {key} of {source} is not valid base64.",
                "Delete the Secret and create it again with kubectl create secret docker-registry."
            )
            {
                Target = source,
            };
        }
    }

    [LoggerMessage(
        EventId = LogEvents.PullSecretNotFound,
        EventName = nameof(LogEvents.PullSecretNotFound),
        Level = LogLevel.Debug,
        Message = "Secret {Namespace}/{Name} not found; skipping it"
    )]
    private static partial void LogMissing(ILogger logger, string @namespace, string name);

    [LoggerMessage(
        EventId = LogEvents.PullSecretUnusable,
        EventName = nameof(LogEvents.PullSecretUnusable),
        Level = LogLevel.Warning,
        Message = "Secret {Namespace}/{Name} cannot be used to pull images: {Reason} {Remedy}"
    )]
    private static partial void LogUnusable(ILogger logger, string @namespace, string name, string reason, string remedy);

    [LoggerMessage(
        EventId = LogEvents.ServiceAccountSkipped,
        EventName = nameof(LogEvents.ServiceAccountSkipped),
        Level = LogLevel.Debug,
        Message = "Service account {Namespace}/{Account} is skipped: {Reason}"
    )]
    private static partial void LogUnreadable(ILogger logger, string @namespace, string account, string reason);
}
