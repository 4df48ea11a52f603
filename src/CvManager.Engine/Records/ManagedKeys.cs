using System.Text.Json.Nodes;
using CvManager.Cluster;

namespace CvManager.Records;

/// <summary>Which keys of a ConfigMap are of CvManager's own hand. Pure.</summary>
internal static class ManagedKeys
{
    /// <summary>True where the API server says that our field manager wrote the key last (Server-Side Apply, "Field management").</summary>
    public static bool Has(JsonObject configMap, string key) => configMap.Items("metadata", "managedFields")
        .Any(entry => entry.Text("manager") == ClusterConnection.FieldManager && entry.At("fieldsV1", "f:data", $"f:{key}") is not null);
}
