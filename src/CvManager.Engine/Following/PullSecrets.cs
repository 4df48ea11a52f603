using System.Text;
using System.Text.Json.Nodes;
using CvManager.Cluster;
using CvManager.Registries;
using CvManager.Registries.Credentials;
using Microsoft.Extensions.Logging;

namespace CvManager.Following;

/// <summary>
/// The logins of image pull Secrets (types <c>kubernetes.io/dockerconfigjson</c> and <c>kubernetes.io/dockercfg</c>), and which Secrets a service
/// account names. Both are kept for a time. Thread-safe.
/// </summary>
/// <remarks>A Secret that does not exist is passed over, as the kubelet does; one that may not be read, or is none, is logged.</remarks>
internal sealed partial class PullSecrets(ClusterConnection cluster, TimeProvider time, ILogger logger)
{
    /// <summary>Both change seldom, and a login that a registry refuses is read again at once.</summary>
    private static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(10);

    /// <summary>Many resources may have the login that is refused.</summary>
    private static readonly TimeSpan LeastAge = TimeSpan.FromSeconds(10);

    private const int MostKept = 20_000;

    private readonly ReadCache<DockerConfigText?> _secrets = new(MostKept, time);
    private readonly ReadCache<IReadOnlyList<string>> _accounts = new(MostKept, time);

    /// <summary>The credentials that the Secrets have for a repository, in their order.</summary>
    /// <param name="afresh">What was read before was refused.</param>
    public async ValueTask<IReadOnlyList<RegistryCredential>> FindAsync(string ns, IEnumerable<string> names, ImageRepository repository, bool afresh, CancellationToken cancellationToken)
    {
        List<RegistryCredential> credentials = [];
        foreach (string name in names)
        {
            try
            {
                DockerConfigText? secret = await _secrets.GetAsync($"{ns}/{name}", afresh ? LeastAge : Lifetime, token => ReadAsync(ns, name, token), cancellationToken);
                if (secret is not null)
                    credentials.AddRange(await secret.FindAllAsync(repository, cancellationToken));
            }
            catch (CvException e) when (e.ErrorId == ErrorIds.RegistryCredentialInvalid)
            {
                LogUnusable(logger, ns, name, e.Message, e.Remedy);
            }
        }

        return credentials;
    }

    /// <summary>The names of the Secrets of a service account.</summary>
    public ValueTask<IReadOnlyList<string>> OfAccountAsync(string ns, string account, CancellationToken cancellationToken) =>
        _accounts.GetAsync($"{ns}/{account}", Lifetime, token => ReadAccountAsync(ns, account, token), cancellationToken);

    private async Task<IReadOnlyList<string>> ReadAccountAsync(string ns, string account, CancellationToken cancellationToken)
    {
        try
        {
            JsonObject read = await cluster.GetAsync(new ResourcePath("", "v1", "serviceaccounts", ns, account), cancellationToken);
            return [.. read.Items("imagePullSecrets").Select(secret => secret.Text("name")).OfType<string>()];
        }
        catch (CvException e) when (e.Kind is CvErrorKind.NotFound or CvErrorKind.Forbidden)
        {
            LogUnreadable(logger, ns, account, e.Message);
            return [];
        }
    }

    private async Task<DockerConfigText?> ReadAsync(string ns, string name, CancellationToken cancellationToken)
    {
        try
        {
            return Read(await cluster.GetAsync(new ResourcePath("", "v1", "secrets", ns, name), cancellationToken), $"Secret {ns}/{name}");
        }
        catch (CvException e) when (e.Kind == CvErrorKind.NotFound)
        {
            LogMissing(logger, ns, name);
        }
        catch (CvException e) when (e.Kind is CvErrorKind.Forbidden or CvErrorKind.Invalid)
        {
            LogUnusable(logger, ns, name, e.Message, e.Remedy);
        }

        return null;
    }

    private static DockerConfigText? Read(JsonObject secret, string source)
    {
        if (Decode(secret, ".dockerconfigjson", source) is { } config)
            return new DockerConfigText(config, source);
        // The older type has the map of logins alone.
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
            throw new CvException(ErrorIds.RegistryCredentialInvalid, CvErrorKind.Invalid, $"Key {key} of {source} is not valid base64.",
                "Delete the Secret and create it again with kubectl create secret docker-registry.") { Target = source };
        }
    }

    [LoggerMessage(EventId = LogEvents.PullSecretNotFound, EventName = nameof(LogEvents.PullSecretNotFound), Level = LogLevel.Debug,
        Message = "Secret {Namespace}/{Name} not found; skipping it")]
    private static partial void LogMissing(ILogger logger, string @namespace, string name);

    [LoggerMessage(EventId = LogEvents.PullSecretUnusable, EventName = nameof(LogEvents.PullSecretUnusable), Level = LogLevel.Warning,
        Message = "Secret {Namespace}/{Name} cannot be used to pull images: {Reason} {Remedy}")]
    private static partial void LogUnusable(ILogger logger, string @namespace, string name, string reason, string remedy);

    [LoggerMessage(EventId = LogEvents.ServiceAccountSkipped, EventName = nameof(LogEvents.ServiceAccountSkipped), Level = LogLevel.Debug,
        Message = "Service account {Namespace}/{Account} is skipped: {Reason}")]
    private static partial void LogUnreadable(ILogger logger, string @namespace, string account, string reason);
}
