using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace CvManager.Resources;

/// <summary>
/// Kubernetes' metav1.Time: RFC 3339 in UTC with whole seconds, the format that all clients write
/// (apimachinery/pkg/apis/meta/v1/time.go). Fractions are accepted when reading and dropped when writing.
/// </summary>
internal sealed class KubernetesTimeConverter : JsonConverter<DateTimeOffset>
{
    public override DateTimeOffset Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        reader.GetDateTimeOffset();

    public override void Write(Utf8JsonWriter writer, DateTimeOffset value, JsonSerializerOptions options) =>
        writer.WriteStringValue(value.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture));
}
