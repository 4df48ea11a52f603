using System.Text.Json;
using System.Text.Json.Serialization;

namespace CvManager.Resources;

/// <summary>How resources are written as JSON: Kubernetes' camelCase names, and no nulls. Thread-safe.</summary>
public static class ResourceJson
{
    /// <summary>Reads leniently: a field of a newer schema is passed over, as the API server's own clients do.</summary>
    public static JsonSerializerOptions Options { get; } = Create();

    private static JsonSerializerOptions Create()
    {
        JsonSerializerOptions options = new(JsonSerializerDefaults.Web)
        {
            DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
            NumberHandling = JsonNumberHandling.Strict,
        };
        options.Converters.Add(new KubernetesTimeConverter());
        options.MakeReadOnly(populateMissingResolver: true);
        return options;
    }
}
