using System.Text.Json.Nodes;
using CvManager.Cluster;
using CvManager.Resources;
using CvManager.Workloads;
using Polly;

namespace CvManager.Records;

/// <summary>spec.config: the version that was rolled out, in a key of a ConfigMap whose other keys are somebody else's. Thread-safe.</summary>
public sealed class VersionConfigMap
{
    private readonly ClusterConnection _cluster;
    private readonly ResiliencePipeline _retries;

    /// <param name="cluster">Where the ConfigMaps are.</param>
    /// <param name="time">The clock of the pauses between two attempts.</param>
    /// <param name="random">Draws their jitter; null for the process's own.</param>
    public VersionConfigMap(ClusterConnection cluster, TimeProvider time, Random? random = null)
    {
        _cluster = cluster;
        _retries = RecordRetries.Create(time, random ?? Random.Shared);
    }

    /// <summary>Puts a version into the key; writes nothing where it is there already, and creates the ConfigMap where there is none.</summary>
    /// <exception cref="CvException">The cluster refused (an immutable ConfigMap, for example), or could not be asked. To be tried again.</exception>
    public async Task WriteAsync(string space, ConfigSpec config, string version, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(config);
        ResourcePath path = new("", "v1", "configmaps", space, config.Name);
        await _retries.ExecuteAsync(async token => await TryWriteAsync(path, config.Key, version, token), cancellationToken);
    }

    private async Task TryWriteAsync(ResourcePath path, string key, string version, CancellationToken cancellationToken)
    {
        JsonObject data = new() { [key] = version };
        try
        {
            if ((await _cluster.GetAsync(path, cancellationToken)).Text("data", key) != version)
                await _cluster.PatchAsync(path, PatchKind.Merge, new JsonObject { ["data"] = data }, cancellationToken);
        }
        catch (CvException e) when (e.ErrorId == "ResourceNotFound")
        {
            await _cluster.CreateAsync(path with { Name = null }, new JsonObject
            {
                ["apiVersion"] = "v1", ["kind"] = "ConfigMap",
                ["metadata"] = new JsonObject { ["name"] = path.Name, ["namespace"] = path.Namespace },
                ["data"] = data.DeepClone(),
            }, cancellationToken);
        }
    }
}
