using System.Text.Json.Nodes;
using CvManager.Cluster;
using CvManager.Resources;
using Microsoft.Extensions.Logging;
using Polly;

namespace CvManager.Records;

/// <summary>
/// R8: the rollout history, in ConfigMaps <c>&lt;history.name or workload&gt;.history</c> in the workloads' namespace. Several
/// ContainerVersions and processes may write to one ConfigMap: every write is a compare-and-swap, so that no record is lost.
/// </summary>
/// <remarks>Thread-safe.</remarks>
public sealed partial class RolloutHistory
{
    /// <summary>The labels of a history ConfigMap. The first one is the original program's.</summary>
    internal static readonly IReadOnlyDictionary<string, string> Labels = new Dictionary<string, string>
    {
        ["OWNED_BY"] = "CVManager",
        ["app.kubernetes.io/managed-by"] = ClusterConnection.FieldManager,
        ["app.kubernetes.io/component"] = "history",
    };

    /// <summary>The number of records beyond which a ConfigMap drops the oldest.</summary>
    public const int MaxRecords = HistoryDocument.MaxRecords;

    private static readonly string Selector =
        $"app.kubernetes.io/managed-by={ClusterConnection.FieldManager},app.kubernetes.io/component=history";

    private readonly ClusterConnection _cluster;
    private readonly ILogger _logger;
    private readonly ResiliencePipeline _retries;

    /// <param name="cluster">The cluster with the ConfigMaps.</param>
    /// <param name="environment">
    /// The clock of the delays between attempts, and their jitter. Its log gets ConfigMaps that cannot be parsed.
    /// </param>
    public RolloutHistory(ClusterConnection cluster, EngineEnvironment environment)
    {
        _cluster = cluster;
        _logger = environment.Logger;
        _retries = RecordRetries.Create(environment);
    }

    /// <summary>The name of the ConfigMap with a workload's records.</summary>
    public static string NameOf(HistorySpec history, string workload)
    {
        ArgumentNullException.ThrowIfNull(history);
        return $"{(history.Name.Length > 0 ? history.Name : workload)}.history";
    }

    /// <summary>Adds records. Idempotent (R10): records that are already present are ignored.</summary>
    /// <param name="ns">The workloads' namespace.</param>
    /// <param name="history">The history's specification; nothing is written if it is disabled.</param>
    /// <param name="records">The records of one ContainerVersion.</param>
    /// <exception cref="CvException">
    /// The cluster refused or was unavailable; <c>HistoryFull</c>, <c>HistoryNotOwned</c>. Retry later.
    /// </exception>
    public async Task AppendAsync(string ns, HistorySpec history, IReadOnlyList<RolloutRecord> records, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(history);
        ArgumentNullException.ThrowIfNull(records);
        if (!history.Enabled)
            return;
        foreach (var one in records.GroupBy(record => NameOf(history, record.Name), StringComparer.Ordinal))
        {
            var added = one.ToList();
            await _retries.ExecuteAsync(
                async token => await TryAppendAsync(new ResourcePath("", "v1", "configmaps", ns, one.Key), added, token),
                cancellationToken
            );
        }
    }

    /// <summary>
    /// Reads the records of a namespace or of all namespaces, newest first. A ConfigMap that cannot be parsed is logged and ignored.
    /// </summary>
    /// <param name="ns">Null for all namespaces.</param>
    /// <returns>The records, each with its namespace.</returns>
    /// <exception cref="CvException">The cluster could not be read.</exception>
    public async Task<IReadOnlyList<(string Namespace, RolloutRecord Record)>> ReadAsync(string? ns, CancellationToken cancellationToken)
    {
        var contents = await ReadContentsAsync(ns, cancellationToken);
        return
        [
            .. contents
                .SelectMany(one => one.Records.Select(record => (one.Namespace, Record: record)))
                .OrderByDescending(one => one.Record.Finished)
                .ThenByDescending(one => one.Record.Id, StringComparer.Ordinal)
                .ThenBy(one => one.Namespace, StringComparer.Ordinal)
                .ThenBy(one => one.Record.Kind, StringComparer.Ordinal)
                .ThenBy(one => one.Record.Name, StringComparer.Ordinal),
        ];
    }

    /// <summary>Reads one history ConfigMap.</summary>
    /// <param name="ns">A valid name.</param>
    /// <param name="name">The name of the ConfigMap (<see cref="NameOf"/>).</param>
    /// <returns>Null if it does not exist, or is not a rollout history.</returns>
    /// <exception cref="CvException">The cluster could not be read.</exception>
    public async Task<WorkloadHistory?> FindAsync(string ns, string name, CancellationToken cancellationToken)
    {
        var configMap = await _cluster.FindAsync(new ResourcePath("", "v1", "configmaps", ns, name), cancellationToken);
        if (configMap is null || !IsHistory(configMap))
            return null;
        var data = configMap["data"] as JsonObject;
        return new(HistoryDocument.ReadInfo(data), HistoryDocument.Read(data) ?? []);
    }

    /// <summary>The same, ConfigMap by ConfigMap.</summary>
    /// <param name="ns">Null for all namespaces.</param>
    /// <exception cref="CvException">The cluster could not be read.</exception>
    public async Task<IReadOnlyList<HistoryContents>> ReadContentsAsync(string? ns, CancellationToken cancellationToken)
    {
        List<HistoryContents> all = [];
        foreach (var configMap in await _cluster.ListAsync(new ResourcePath("", "v1", "configmaps", ns), Selector, null, cancellationToken))
        {
            var within = configMap.Text("metadata", "namespace") ?? "";
            if (HistoryDocument.Read(configMap["data"] as JsonObject) is { } records)
                all.Add(new HistoryContents(within, records, HistoryDocument.IsFull(configMap, records)));
            else
                LogUnreadable(within, configMap.Text("metadata", "name") ?? "");
        }

        return all;
    }

    private async Task TryAppendAsync(ResourcePath path, List<RolloutRecord> records, CancellationToken cancellationToken)
    {
        var present = await _cluster.FindAsync(path, cancellationToken);
        if (present is not null && !IsHistory(present))
        {
            throw new CvException(
                ErrorIds.HistoryNotOwned,
                CvErrorKind.Forbidden,
                $"ConfigMap {path.Namespace}/{path.Name} exists, but is not a rollout history; it was not changed.",
                $"Set another spec.history.name, or mark the ConfigMap as a history: kubectl label configmap {path.Name} -n "
                    + $"{path.Namespace} OWNED_BY=CVManager"
            )
            {
                Target = $"{path.Namespace}/{path.Name}",
            };
        }

        var configMap =
            present
            ?? new JsonObject
            {
                ["apiVersion"] = "v1",
                ["kind"] = "ConfigMap",
                ["metadata"] = new JsonObject { ["name"] = path.Name, ["namespace"] = path.Namespace },
            };
        if (!HistoryDocument.Add(configMap, records, out var setAsideKey))
            return;
        var metadata = (JsonObject)configMap["metadata"]!;
        if (metadata["labels"] is not JsonObject labels)
            metadata["labels"] = labels = [];
        foreach ((var key, var value) in Labels)
            labels[key] = value;
        if (present is null)
            await _cluster.CreateAsync(path with { Name = null }, configMap, cancellationToken);
        else
            await _cluster.ReplaceAsync(path, configMap, cancellationToken);
        if (setAsideKey is not null)
            LogSetAside(path.Namespace!, path.Name!, setAsideKey);
    }

    /// <summary>
    /// Recognized by the labels of any version, including the original program's; or, if the labels were removed, by our field manager.
    /// </summary>
    private static bool IsHistory(JsonObject configMap)
    {
        var labels = configMap.Map("metadata", "labels");
        return Labels.Any(label => labels.GetValueOrDefault(label.Key) == label.Value && label.Key != "app.kubernetes.io/component")
            || ManagedKeys.Has(configMap, HistoryDocument.RecordsKey);
    }

    [LoggerMessage(
        EventId = LogEvents.HistorySetAside,
        EventName = nameof(LogEvents.HistorySetAside),
        Level = LogLevel.Warning,
        Message = "ConfigMap {Namespace}/{Name}: the key records could not be parsed. "
            + "It was renamed to {Key}, and a new history was started."
    )]
    private partial void LogSetAside(string @namespace, string name, string key);

    [LoggerMessage(
        EventId = LogEvents.HistoryUnreadable,
        EventName = nameof(LogEvents.HistoryUnreadable),
        Level = LogLevel.Warning,
        Message = "ConfigMap {Namespace}/{Name}: the key records could not be parsed and is ignored. "
            + "The next rollout renames it and starts a new history."
    )]
    private partial void LogUnreadable(string @namespace, string name);
}
