using System.Text.Json.Nodes;
using CvManager.Cluster;

namespace CvManager.Records;

/// <summary>Determines which keys of a ConfigMap CvManager wrote. Pure.</summary>
internal static class ManagedKeys
{
    /// <summary>True if our field manager wrote the key last (Kubernetes documentation, "Server-Side Apply", "Field management").</summary>
    public static bool Has(JsonObject configMap, string key) =>
        configMap
            .Items("metadata", "managedFields")
            .Any(entry =>
                entry.Text("manager") == ClusterConnection.FieldManager && entry.At("fieldsV1", "f:data", $"f:{key}") is not null
            );
}
