using System.Collections;
using System.Reflection;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;

namespace CvManager.Resources;

/// <summary>How resources are written as JSON: Kubernetes' camelCase names, and no nulls. Thread-safe.</summary>
public static class ResourceJson
{
    /// <summary>
    /// Reads leniently: a field of a newer schema is passed over, as the API server's own clients do. A null where the type has none is
    /// refused: a looser schema may let it through.
    /// </summary>
    public static JsonSerializerOptions Options { get; } = Create();

    private static JsonSerializerOptions Create()
    {
        DefaultJsonTypeInfoResolver resolver = new();
        resolver.Modifiers.Add(RefuseNulls);
        JsonSerializerOptions options = new(JsonSerializerDefaults.Web)
        {
            DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
            NumberHandling = JsonNumberHandling.Strict,
            TypeInfoResolver = resolver,
        };
        options.Converters.Add(new KubernetesTimeConverter());
        options.MakeReadOnly();
        return options;
    }

    private static void RefuseNulls(JsonTypeInfo type)
    {
        NullabilityInfoContext nullability = new();
        foreach (JsonPropertyInfo property in type.Properties)
        {
            if (property is not { Set: { } set, IsExtensionData: false, AttributeProvider: PropertyInfo member } || member.PropertyType.IsValueType)
                continue;
            bool required = nullability.Create(member).WriteState == NullabilityState.NotNull;
            property.Set = (target, value) =>
            {
                bool holds = value is null ? required : value is IList list ? list.Contains(null) : value is IDictionary map && map.Values.Cast<object?>().Contains(null);
                if (holds)
                    throw new JsonException($"{property.Name} must not be or contain null");
                set(target, value);
            };
        }
    }
}
