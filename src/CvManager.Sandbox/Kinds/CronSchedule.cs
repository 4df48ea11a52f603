using Cronos;

namespace CvManager.Sandbox.Kinds;

/// <summary>The schedule of a CronJob: five fields, or a macro such as @hourly.</summary>
internal static class CronSchedule
{
    /// <summary>The problem with a schedule; null if it is valid.</summary>
    public static string? Problem(string schedule) =>
        CronExpression.TryParse(schedule, out _) ? null : $"Expected exactly 5 fields, or a macro, found: {schedule}";

    /// <summary>Null if the time zone does not exist.</summary>
    public static TimeZoneInfo? Zone(string name)
    {
        if (name.Length == 0)
            return TimeZoneInfo.Utc;
        return TimeZoneInfo.TryFindSystemTimeZoneById(name, out var zone) ? zone : null;
    }

    /// <summary>The first scheduled time after the given one; null if there is none.</summary>
    public static DateTimeOffset? Next(string schedule, string zone, DateTimeOffset after) =>
        CronExpression.TryParse(schedule, out var expression) ? expression.GetNextOccurrence(after, Zone(zone) ?? TimeZoneInfo.Utc) : null;
}
