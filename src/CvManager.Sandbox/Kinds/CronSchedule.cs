using Cronos;

namespace CvManager.Sandbox.Kinds;

/// <summary>The schedule of a CronJob: five fields, or a macro such as @hourly.</summary>
internal static class CronSchedule
{
    /// <summary>What is wrong with the text; null where it can be read.</summary>
    public static string? Problem(string schedule) =>
        CronExpression.TryParse(schedule, out _) ? null : $"Expected exactly 5 fields, or a macro, found: {schedule}";

    /// <summary>Null for a zone that does not exist.</summary>
    public static TimeZoneInfo? Zone(string name)
    {
        if (name.Length == 0)
            return TimeZoneInfo.Utc;
        return TimeZoneInfo.TryFindSystemTimeZoneById(name, out var zone) ? zone : null;
    }

    /// <summary>The first time after the given one; null where there is none.</summary>
    public static DateTimeOffset? Next(string schedule, string zone, DateTimeOffset after) =>
        CronExpression.TryParse(schedule, out var expression)
            ? expression.GetNextOccurrence(after, Zone(zone) ?? TimeZoneInfo.Utc)
            : null;
}
