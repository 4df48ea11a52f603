using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using CvManager.Cluster;
using CvManager.Resources;

namespace CvManager.Records;

/// <summary>
/// The contents of a history ConfigMap (R8): <c>records</c>, JSON with one record per line, newest first; and <c>Info</c>, the same as
/// text, in the format of the original program. Pure.
/// </summary>
internal static class HistoryDocument
{
    public const string RecordsKey = "records";
    public const string InfoKey = "Info";

    /// <summary>The key that keeps a value of <c>records</c> that could not be parsed.</summary>
    public const string BrokenKey = "records.broken";

    public const int MaxRecords = 500;

    /// <summary>The limit of <c>records</c> and <c>Info</c> together, in bytes.</summary>
    public const int MaxBytes = 900_000;

    /// <summary>The limit of <c>Info</c>, in bytes: more than 500 entries of typical length.</summary>
    private const int MaxInfoBytes = 100_000;

    /// <summary>The API server's limit for all keys and values together (1 MiB), with a reserve.</summary>
    private const int MaxConfigMapBytes = (1024 * 1024) - 8192;

    private const string EntryStart = "Update occurred at:";

    // The text is not embedded in HTML: do not escape characters such as '+' and 'ü'.
    private static readonly JsonSerializerOptions Json = new(ResourceJson.Options)
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <summary>Parses the records of a ConfigMap's data, newest first.</summary>
    /// <returns>Null if they cannot be parsed, because someone edited them.</returns>
    public static IReadOnlyList<RolloutRecord>? Read(JsonObject? data) => Entries(data)?.Select(entry => entry.Record).ToList();

    /// <summary>The text of a ConfigMap's data; empty for none.</summary>
    public static string ReadInfo(JsonObject? data) => (data?[InfoKey] as JsonValue)?.ToString() ?? "";

    /// <summary>Whether a ConfigMap has reached its limit, so that older records may have been dropped. Pure.</summary>
    /// <param name="configMap">The ConfigMap.</param>
    /// <param name="records">What <see cref="Read"/> returned.</param>
    public static bool IsFull(JsonObject configMap, IReadOnlyList<RolloutRecord> records)
    {
        if (records.Count >= MaxRecords)
            return true;
        var data = configMap["data"] as JsonObject;
        var used = Bytes(data?[RecordsKey]?.ToString() ?? "") + Bytes(data?[InfoKey]?.ToString() ?? "");
        // The longest record would not fit once more.
        var longest = records.Select(record => Bytes(JsonSerializer.Serialize(record, Json))).DefaultIfEmpty().Max();
        return used + longest > Space(configMap);
    }

    /// <summary>Adds records to a ConfigMap's data.</summary>
    /// <param name="configMap">The ConfigMap; its <c>data</c> is changed, and other keys are kept.</param>
    /// <param name="records">The records to add; records that are already present are ignored.</param>
    /// <param name="setAsideKey">The key that keeps unparsable records; null if there were none.</param>
    /// <returns>False if nothing changed.</returns>
    /// <exception cref="CvException"><c>HistoryFull</c>: other keys leave no space.</exception>
    public static bool Add(JsonObject configMap, IReadOnlyList<RolloutRecord> records, out string? setAsideKey)
    {
        if (configMap["data"] is not JsonObject data)
            configMap["data"] = data = [];
        setAsideKey = null;
        var entries = Entries(data);
        if (entries is null)
        {
            setAsideKey = SetAside(data);
            entries = [];
        }

        HashSet<(string, string, string, string, string)> known = [.. entries.Select(entry => entry.Record.Key)];
        var added = records.Where(record => known.Add(record.Key)).ToList();
        if (added.Count == 0 && setAsideKey is null)
            return false;
        entries.AddRange(added.Select(record => (JsonSerializer.SerializeToNode(record, Json)!.AsObject(), record)));

        var space = Space(configMap);
        var info = Cut(
            string.Concat(added.OrderByDescending(r => r.Finished).Select(Text)) + ReadInfo(data),
            Math.Min(MaxInfoBytes, space / 4)
        );
        var kept = Write(
            entries
                .OrderByDescending(e => e.Record.Finished)
                .ThenByDescending(e => e.Record.Id, StringComparer.Ordinal)
                .ThenBy(e => e.Record.Kind, StringComparer.Ordinal)
                .ThenBy(e => e.Record.Name, StringComparer.Ordinal)
                .Select(e => e.Node),
            space - Bytes(info)
        );
        if (kept is null)
        {
            throw new CvException(
                ErrorIds.HistoryFull,
                CvErrorKind.LimitExceeded,
                "The history ConfigMap is full: its other keys leave no space for a record.",
                $"Remove keys that are not needed from the ConfigMap, for example {BrokenKey}."
            );
        }

        data[RecordsKey] = kept;
        data[InfoKey] = info;
        return true;
    }

    /// <summary>One entry of <c>Info</c>. The first two lines have the original program's format; the third is an extension.</summary>
    internal static string Text(RolloutRecord record)
    {
        StringBuilder text = new();
        text.Append(EntryStart)
            .Append(record.Finished.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture))
            .Append(":\n");
        text.Append("Workload:").Append(record.Name).Append(" to version:").Append(record.ToVersion).Append('\n');
        if (record.Outcome != RolloutPhase.Succeeded || record.Reason.Length > 0)
            text.Append("Outcome:")
                .Append(record.Outcome)
                .Append(record.Reason.Length > 0 ? " (" : "")
                .Append(record.Reason.ReplaceLineEndings(" "))
                .Append(record.Reason.Length > 0 ? ")\n" : "\n");
        return text.ToString();
    }

    private static List<(JsonObject Node, RolloutRecord Record)>? Entries(JsonObject? data)
    {
        if (data?[RecordsKey] is not { } value)
            return [];
        try
        {
            List<(JsonObject, RolloutRecord)> entries = [];
            if (JsonNode.Parse(value.GetValue<string>()) is not JsonArray array)
                return null;
            foreach (var node in array)
            {
                if (node is not JsonObject entry)
                    return null;
                entries.Add((entry, entry.Deserialize<RolloutRecord>(Json)!));
            }

            return entries;
        }
        catch (Exception e) when (ObjectShape.IsFault(e))
        {
            return null;
        }
    }

    private static string SetAside(JsonObject data)
    {
        var key = BrokenKey;
        for (var number = 2; data.ContainsKey(key); number++)
            key = $"{BrokenKey}.{number}";
        data[key] = data[RecordsKey]!.DeepClone();
        data.Remove(RecordsKey);
        return key;
    }

    /// <summary>As many whole records as fit, newest first; null if not even one fits.</summary>
    private static string? Write(IEnumerable<JsonObject> records, int space)
    {
        StringBuilder text = new("[");
        var count = 0;
        var left = space - 3;
        foreach (var record in records.Take(MaxRecords))
        {
            var line = record.ToJsonString(Json);
            left -= Bytes(line) + 2;
            if (left < 0)
                break;
            text.Append(count++ == 0 ? "\n" : ",\n").Append(line);
        }

        return count == 0 ? null : text.Append("\n]").ToString();
    }

    /// <summary>Truncates to whole entries.</summary>
    private static string Cut(string info, int space)
    {
        var bytes = Encoding.UTF8.GetBytes(info);
        if (bytes.Length <= space)
            return info;
        var head = Encoding.UTF8.GetString(bytes, 0, Math.Max(0, space));
        var end = head.LastIndexOf('\n' + EntryStart, StringComparison.Ordinal);
        return end < 0 ? "" : head[..(end + 1)];
    }

    /// <summary>What the limits leave for <c>records</c> and <c>Info</c>, in bytes.</summary>
    private static int Space(JsonObject configMap) => Math.Min(MaxBytes, MaxConfigMapBytes - BytesOfOthers(configMap));

    private static int BytesOfOthers(JsonObject configMap)
    {
        long bytes = 0;
        foreach (var field in new[] { "data", "binaryData" })
        {
            foreach ((var key, var value) in configMap[field] as JsonObject ?? [])
            {
                if (field != "data" || key is not (RecordsKey or InfoKey))
                    bytes += Bytes(key) + Bytes(value?.ToString() ?? "");
            }
        }

        return (int)Math.Min(bytes, MaxConfigMapBytes);
    }

    private static int Bytes(string text) => Encoding.UTF8.GetByteCount(text);
}
