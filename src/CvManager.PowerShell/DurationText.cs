using System.Globalization;

namespace CvManager.PowerShell;

/// <summary>Durations in output objects: text that parameters accept (<see cref="TimeSpanTransformationAttribute"/>).</summary>
internal static class DurationText
{
    /// <summary>Returns for example <c>5m</c>, <c>1h30m</c> or <c>1m30s</c>; <c>0s</c> for zero.</summary>
    public static string Of(TimeSpan duration)
    {
        (int Number, string Unit)[] parts =
        [
            (duration.Days, "d"),
            (duration.Hours, "h"),
            (duration.Minutes, "m"),
            (duration.Seconds, "s"),
            (duration.Milliseconds, "ms"),
        ];
        var text = string.Concat(
            parts.Where(part => part.Number != 0).Select(part => part.Number.ToString(CultureInfo.InvariantCulture) + part.Unit)
        );
        return text.Length > 0 ? text : "0s";
    }

    /// <param name="seconds">Not negative.</param>
    public static string OfSeconds(long seconds) => Of(TimeSpan.FromSeconds(seconds));
}
