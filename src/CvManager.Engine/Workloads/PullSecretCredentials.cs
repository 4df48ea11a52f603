using System.Text;
using System.Text.Json.Nodes;
using CvManager.Cluster;
using CvManager.Registries;
using CvManager.Registries.Credentials;
using Microsoft.Extensions.Logging;

namespace CvManager.Workloads;

/// <summary>
/// The logins of image pull Secrets (types <c>kubernetes.io/dockerconfigjson</c> and <c>kubernetes.io/dockercfg</c>), read when a registry
/// asks for a login and not before, each time anew: Secrets are rotated. Thread-safe.
/// </summary>
/// <remarks>One that does not exist is passed over, as the kubelet does; one that may not be read, or is none, is logged.</remarks>
internal sealed partial class PullSecretCredentials(ClusterConnection cluster, string space, IReadOnlyList<string> names, ILogger logger) : ICredentialSource
{
    public async ValueTask<RegistryCredential?> FindAsync(ImageRepository repository, CancellationToken cancellationToken)
    {
        foreach (string name in names)
        {
            try
            {
                JsonObject secret = await cluster.GetAsync(new ResourcePath("", "v1", "secrets", space, name), cancellationToken);
                if (Read(secret, $"Secret {space}/{name}") is { } login
                    && await login.FindAsync(repository, cancellationToken) is { } credential)
                {
                    return credential;
                }
            }
            catch (CvException e) when (e.Kind == CvErrorKind.NotFound)
            {
                LogMissing(logger, space, name);
            }
            catch (CvException e) when (e.Kind is CvErrorKind.Forbidden or CvErrorKind.Invalid)
            {
                LogUnusable(logger, space, name, e.Message, e.Remedy);
            }
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
            return Encoding.UTF8.GetString(Convert.FromBase64String(encoded));
        }
        catch (FormatException)
        {
            throw new CvException("RegistryCredentialInvalid", CvErrorKind.Invalid, $"The key {key} of {source} is no base64.", "Create the Secret again.") { Target = source };
        }
    }

    [LoggerMessage(EventId = 3101, Level = LogLevel.Debug, Message = "There is no Secret {Namespace}/{Name}; it is passed over")]
    private static partial void LogMissing(ILogger logger, string @namespace, string name);

    [LoggerMessage(EventId = 3102, Level = LogLevel.Warning, Message = "Secret {Namespace}/{Name} is no use for pulling images: {Reason} {Remedy}")]
    private static partial void LogUnusable(ILogger logger, string @namespace, string name, string reason, string remedy);
}
