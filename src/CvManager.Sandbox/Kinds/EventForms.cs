using System.Text.Json.Nodes;

namespace CvManager.Sandbox.Kinds;

/// <summary>Converts events between core/v1, the storage version, and events.k8s.io/v1.</summary>
internal static class EventForms
{
    private static readonly (string Core, string Newer)[] Names =
    [
        ("involvedObject", "regarding"),
        ("message", "note"),
        ("source", "deprecatedSource"),
        ("firstTimestamp", "deprecatedFirstTimestamp"),
        ("lastTimestamp", "deprecatedLastTimestamp"),
        ("count", "deprecatedCount"),
        ("reportingComponent", "reportingController"),
    ];

    public static JsonObject FromCore(JsonObject body) => Rename(body, Names.ToDictionary(pair => pair.Core, pair => pair.Newer));

    public static JsonObject ToCore(JsonObject body) => Rename(body, Names.ToDictionary(pair => pair.Newer, pair => pair.Core));

    private static JsonObject Rename(JsonObject body, Dictionary<string, string> names)
    {
        var renamed = new JsonObject();
        foreach (var (name, value) in body)
            renamed[names.GetValueOrDefault(name, name)] = value?.DeepClone();
        return renamed;
    }
}
