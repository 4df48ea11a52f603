using System.Globalization;
using System.Text.Json.Nodes;

namespace CvManager.Sandbox.Json;

/// <summary>metav1.Time: RFC 3339, whole seconds, UTC.</summary>
internal static class Timestamps
{
    public static string Format(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    /// <summary>Null if the value is missing or not a timestamp.</summary>
    public static DateTimeOffset? Parse(JsonNode? node) =>
        node.AsText() is string text
        && DateTimeOffset.TryParse(
            text,
            CultureInfo.InvariantCulture,
            DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal,
            out var time
        )
            ? time
            : null;
}
