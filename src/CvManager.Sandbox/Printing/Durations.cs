using System.Text.Json.Nodes;
using CvManager.Sandbox.Json;

namespace CvManager.Sandbox.Printing;

/// <summary>Formats ages like kubectl (apimachinery's duration.HumanDuration).</summary>
internal static class Durations
{
    /// <summary>The time since a timestamp; <c>&lt;unknown&gt;</c> if it is missing.</summary>
    public static string Since(JsonNode? timestamp, DateTimeOffset now) =>
        Timestamps.Parse(timestamp) is DateTimeOffset time ? Human(now - time) : "<unknown>";

    public static string Human(TimeSpan span)
    {
        var seconds = (long)span.TotalSeconds;
        if (seconds < -1)
            return "<invalid>";
        if (seconds < 0)
            return "0s";
        if (seconds < 120)
            return $"{seconds}s";
        var minutes = seconds / 60;
        if (minutes < 10)
            return seconds % 60 == 0 ? $"{minutes}m" : $"{minutes}m{seconds % 60}s";
        if (minutes < 180)
            return $"{minutes}m";
        var hours = minutes / 60;
        if (hours < 8)
            return minutes % 60 == 0 ? $"{hours}h" : $"{hours}h{minutes % 60}m";
        if (hours < 48)
            return $"{hours}h";
        if (hours < 192)
            return hours % 24 == 0 ? $"{hours / 24}d" : $"{hours / 24}d{hours % 24}h";
        if (hours < 24 * 365 * 2)
            return $"{hours / 24}d";
        if (hours < 24 * 365 * 8)
        {
            var days = hours / 24 % 365;
            return days == 0 ? $"{hours / 24 / 365}y" : $"{hours / 24 / 365}y{days}d";
        }
        return $"{hours / 24 / 365}y";
    }
}
