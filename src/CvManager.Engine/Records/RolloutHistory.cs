using System.Text.Json.Nodes;
using CvManager.Cluster;
using CvManager.Resources;
using Microsoft.Extensions.Logging;
using Polly;

namespace CvManager.Records;

/// <summary>
/// R8: the past, in ConfigMaps <c>&lt;history.name or workload&gt;.history</c> beside the workloads. Several ContainerVersions, and
/// several processes, may write into one: it is read, changed and replaced while it is still the same, so that none is lost.
/// </summary>
/// <remarks>Thread-safe.</remarks>
public sealed partial class RolloutHistory
{
    /// <summary>Labels that a history ConfigMap is found by. The first is the original's own.</summary>
    internal static readonly IReadOnlyDictionary<string, string> Labels = new Dictionary<string, string>
    {
        ["OWNED_BY"] = "CVManager",
        ["app.kubernetes.io/managed-by"] = ClusterConnection.FieldManager,
        ["app.kubernetes.io/component"] = "history",
    };

    private static readonly string Selector = $"app.kubernetes.io/managed-by={ClusterConnection.FieldManager},app.kubernetes.io/component=history";

    private readonly ClusterConnection _cluster;
    private readonly ILogger _log;
    private readonly ResiliencePipeline _retries;

    /// <param name="cluster">Where the ConfigMaps are.</param>
    /// <param name="time">The clock of the pauses between two attempts.</param>
    /// <param name="log">Hears of a ConfigMap that a person has broken.</param>
    /// <param name="random">Draws the pauses' jitter; null for the process's own.</param>
    public RolloutHistory(ClusterConnection cluster, TimeProvider time, ILogger log, Random? random = null)
    {
        _cluster = cluster;
        _log = log;
        _retries = RecordRetries.Create(time, random ?? Random.Shared);
    }

    /// <summary>The ConfigMap that a workload's records go into.</summary>
    public static string NameOf(HistorySpec history, string workload)
    {
        ArgumentNullException.ThrowIfNull(history);
        return $"{(history.Name.Length > 0 ? history.Name : workload)}.history";
    }

    /// <summary>Adds records, each once however often it is called with them (R10): a record that is there already changes nothing.</summary>
    /// <param name="ns">The workloads' namespace.</param>
    /// <param name="history">Where they go; nothing is written where it is not enabled.</param>
    /// <param name="records">Of one ContainerVersion.</param>
    /// <exception cref="CvException">The cluster refused, or could not be asked; <c>HistoryFull</c>, <c>HistoryNotOwned</c>. To be tried again.</exception>
    public async Task AppendAsync(string ns, HistorySpec history, IReadOnlyList<RolloutRecord> records, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(history);
        ArgumentNullException.ThrowIfNull(records);
        if (!history.Enabled)
            return;
        foreach (IGrouping<string, RolloutRecord> one in records.GroupBy(record => NameOf(history, record.Name), StringComparer.Ordinal))
        {
            List<RolloutRecord> added = one.ToList();
            await _retries.ExecuteAsync(async token => await TryAppendAsync(new ResourcePath("", "v1", "configmaps", ns, one.Key), added, token), cancellationToken);
        }
    }

    /// <summary>Records of a namespace or of all, newest first.</summary>
    /// <param name="ns">Null for all namespaces.</param>
    /// <returns>Each with its namespace.</returns>
    /// <exception cref="CvException">The cluster could not be asked. A ConfigMap that a person has broken is passed over, and the log told.</exception>
    public async Task<IReadOnlyList<(string Namespace, RolloutRecord Record)>> ReadAsync(string? ns, CancellationToken cancellationToken)
    {
        List<(string Namespace, RolloutRecord Record)> all = [];
        foreach (JsonObject configMap in await _cluster.ListAsync(new ResourcePath("", "v1", "configmaps", ns), Selector, null, cancellationToken))
        {
            string within = configMap.Text("metadata", "namespace") ?? "";
            if (HistoryDocument.Read(configMap["data"] as JsonObject) is { } records)
                all.AddRange(records.Select(record => (within, record)));
            else
                LogUnreadable(within, configMap.Text("metadata", "name") ?? "");
        }

        return [.. all.OrderByDescending(one => one.Record.Finished).ThenByDescending(one => one.Record.Id, StringComparer.Ordinal)
            .ThenBy(one => one.Namespace, StringComparer.Ordinal).ThenBy(one => one.Record.Kind, StringComparer.Ordinal).ThenBy(one => one.Record.Name, StringComparer.Ordinal)];
    }

    private async Task TryAppendAsync(ResourcePath path, List<RolloutRecord> records, CancellationToken cancellationToken)
    {
        JsonObject? present = await FindAsync(path, cancellationToken);
        if (present is not null && !IsHistory(present))
        {
            throw new CvException(ErrorIds.HistoryNotOwned, CvErrorKind.Forbidden,
                $"ConfigMap {path.Namespace}/{path.Name} exists, but is not a rollout history; it was not changed.",
                $"Set another spec.history.name, or mark the ConfigMap as a history: kubectl label configmap {path.Name} -n {path.Namespace} OWNED_BY=CVManager")
            {
                Target = $"{path.Namespace}/{path.Name}",
            };
        }

        JsonObject configMap = present ?? new JsonObject
        {
            ["apiVersion"] = "v1", ["kind"] = "ConfigMap", ["metadata"] = new JsonObject { ["name"] = path.Name, ["namespace"] = path.Namespace },
        };
        if (!HistoryDocument.Add(configMap, records, out string? keptAside))
            return;
        JsonObject metadata = (JsonObject)configMap["metadata"]!;
        if (metadata["labels"] is not JsonObject labels)
            metadata["labels"] = labels = [];
        foreach ((string key, string value) in Labels)
            labels[key] = value;
        if (present is null)
            await _cluster.CreateAsync(path with { Name = null }, configMap, cancellationToken);
        else
            await _cluster.ReplaceAsync(path, configMap, cancellationToken);
        if (keptAside is not null)
            LogKeptAside(path.Namespace!, path.Name!, keptAside);
    }

    /// <summary>By the labels of any version, the original's as well; or because its records are of our own hand, where somebody took the labels away.</summary>
    private static bool IsHistory(JsonObject configMap)
    {
        IReadOnlyDictionary<string, string> labels = configMap.Map("metadata", "labels");
        return Labels.Any(label => labels.GetValueOrDefault(label.Key) == label.Value && label.Key != "app.kubernetes.io/component") || ManagedKeys.Has(configMap, HistoryDocument.RecordsKey);
    }

    private async Task<JsonObject?> FindAsync(ResourcePath path, CancellationToken cancellationToken)
    {
        try
        {
            return await _cluster.GetAsync(path, cancellationToken);
        }
        catch (CvException e) when (e.ErrorId == ErrorIds.ResourceNotFound)
        {
            return null;
        }
    }

    [LoggerMessage(EventId = LogEvents.HistorySetAside, EventName = nameof(LogEvents.HistorySetAside), Level = LogLevel.Warning,
        Message = "ConfigMap {Namespace}/{Name}: the key records could not be parsed. It was renamed to {Key}, and a new history was started.")]
    private partial void LogKeptAside(string @namespace, string name, string key);

    [LoggerMessage(EventId = LogEvents.HistoryUnreadable, EventName = nameof(LogEvents.HistoryUnreadable), Level = LogLevel.Warning,
        Message = "ConfigMap {Namespace}/{Name}: the key records could not be parsed and is ignored. The next rollout renames it and starts a new history.")]
    private partial void LogUnreadable(string @namespace, string name);
}
