using System.Globalization;

namespace CvManager;

/// <summary>
/// Writes counts in messages: <c>1 tag</c>, <c>2 tags</c>. After "of", the noun is always plural, as kubectl writes it: <c>1 of 1 pods</c>.
/// </summary>
public static class Counted
{
    /// <param name="count">The number of things.</param>
    /// <param name="singular">The noun for one thing.</param>
    /// <param name="plural">By default the singular with an s.</param>
    public static string Of(long count, string singular, string? plural = null) =>
        string.Create(CultureInfo.InvariantCulture, $"{count} {Noun(count, singular, plural)}");

    /// <summary>The noun alone, for log messages, which have the count as a field.</summary>
    public static string Noun(long count, string singular, string? plural = null) => count == 1 ? singular : plural ?? singular + "s";
}
