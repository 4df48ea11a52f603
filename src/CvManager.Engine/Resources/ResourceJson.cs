using System.Collections;
using System.Reflection;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;

namespace CvManager.Resources;

/// <summary>JSON serialization of resources: camelCase names, no nulls. Thread-safe.</summary>
public static class ResourceJson
{
    /// <summary>
    /// Unknown fields are ignored, so that objects of a newer schema can be read. A null for a non-nullable property is an error: a more
    /// permissive schema may have let it through.
    /// </summary>
    public static JsonSerializerOptions Options { get; } = Create();

    private static JsonSerializerOptions Create()
    {
        DefaultJsonTypeInfoResolver resolver = new();
        resolver.Modifiers.Add(RejectNulls);
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

    private static void RejectNulls(JsonTypeInfo type)
    {
        NullabilityInfoContext nullability = new();
        foreach (var property in type.Properties)
        {
            if (
                property is not { Set: { } set, IsExtensionData: false, AttributeProvider: PropertyInfo member }
                || member.PropertyType.IsValueType
            )
                continue;
            var required = nullability.Create(member).WriteState == NullabilityState.NotNull;
            property.Set = (target, value) =>
            {
                var holds =
                    value is null ? required
                    : value is IList list ? list.Contains(null)
                    : value is IDictionary map && map.Values.Cast<object?>().Contains(null);
                if (holds)
                    throw new JsonException($"{property.Name} must not be or contain null");
                set(target, value);
            };
        }
    }
}
