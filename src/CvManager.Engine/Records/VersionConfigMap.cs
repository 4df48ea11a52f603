using System.Text.Json.Nodes;
using CvManager.Cluster;
using CvManager.Resources;
using Polly;

namespace CvManager.Records;

/// <summary>spec.config: writes the rolled-out version to a key of a ConfigMap that may have other keys and owners. Thread-safe.</summary>
/// <remarks>
/// A user who may write ContainerVersions need not be allowed to write ConfigMaps. A key is therefore written only if CvManager wrote it
/// before, or if the ConfigMap's annotation <see cref="KeysAnnotation"/> names it; nothing else is added or changed.
/// </remarks>
public sealed class VersionConfigMap
{
    /// <summary>An annotation of a ConfigMap: the keys that ContainerVersions may write, separated by commas.</summary>
    public const string KeysAnnotation = "cvmanager/version-keys";

    private readonly ClusterConnection _cluster;
    private readonly ResiliencePipeline _retries;

    /// <param name="cluster">The cluster with the ConfigMaps.</param>
    /// <param name="environment">The clock of the delays between attempts, and their jitter.</param>
    public VersionConfigMap(ClusterConnection cluster, EngineEnvironment environment)
    {
        _cluster = cluster;
        _retries = RecordRetries.Create(environment);
    }

    /// <summary>Writes a version to the key, if it is not already there. Creates a missing ConfigMap.</summary>
    /// <exception cref="CvException">
    /// <c>ConfigMapNotOwned</c>; or the cluster refused (an immutable ConfigMap, for example) or was unavailable. Retry later.
    /// </exception>
    public async Task WriteAsync(string ns, ConfigSpec config, string version, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(config);
        ResourcePath path = new("", "v1", "configmaps", ns, config.Name);
        await _retries.ExecuteAsync(async token => await TryWriteAsync(path, config.Key, version, token), cancellationToken);
    }

    private async Task TryWriteAsync(ResourcePath path, string key, string version, CancellationToken cancellationToken)
    {
        JsonObject data = new() { [key] = version };
        try
        {
            var present = await _cluster.GetAsync(path, cancellationToken);
            if (present.Text("data", key) == version)
                return;
            if (!MayWrite(present, key))
            {
                throw new CvException(
                    ErrorIds.ConfigMapNotOwned,
                    CvErrorKind.Forbidden,
                    $"Key {key} of ConfigMap {path.Namespace}/{path.Name} was not written by CvManager; it was not changed.",
                    "Set another ConfigMap or key in spec.config, or allow CvManager to write the key: "
                        + $"kubectl annotate configmap {path.Name} -n {path.Namespace} {KeysAnnotation}={key}"
                )
                {
                    Target = $"{path.Namespace}/{path.Name}",
                };
            }

            // Only if it has not changed since it was read.
            await _cluster.PatchAsync(
                path,
                PatchKind.Merge,
                new JsonObject
                {
                    ["metadata"] = new JsonObject { ["resourceVersion"] = present.Text("metadata", "resourceVersion") },
                    ["data"] = data,
                },
                cancellationToken
            );
        }
        catch (CvException e) when (e.ErrorId == ErrorIds.ResourceNotFound)
        {
            await _cluster.CreateAsync(
                path with
                {
                    Name = null,
                },
                new JsonObject
                {
                    ["apiVersion"] = "v1",
                    ["kind"] = "ConfigMap",
                    ["metadata"] = new JsonObject
                    {
                        ["name"] = path.Name,
                        ["namespace"] = path.Namespace,
                        ["annotations"] = new JsonObject { [KeysAnnotation] = key },
                    },
                    ["data"] = data.DeepClone(),
                },
                cancellationToken
            );
        }
    }

    private static bool MayWrite(JsonObject configMap, string key) =>
        ManagedKeys.Has(configMap, key)
        || configMap
            .Text("metadata", "annotations", KeysAnnotation)
            ?.Split(',', StringSplitOptions.TrimEntries)
            .Contains(key, StringComparer.Ordinal) == true;
}
