using System.Globalization;

namespace CvManager.Bench;

/// <summary>Figures, as they are printed.</summary>
internal sealed record FigureTable(IReadOnlyList<string> Columns, IReadOnlyList<IReadOnlyList<string>> Rows)
{
    /// <summary>What each contestant took.</summary>
    public static FigureTable Of(IReadOnlyList<Measurement> measurements) => new(
        ["contestant", "median ms", "p99 ms", "least ms", "requests"],
        [.. measurements.Select(one => (string[])[one.Contestant, Milliseconds(one.Percentile(0.5)), Milliseconds(one.Percentile(0.99)), Milliseconds(one.Times.Min()),
            one.Requests is { } requests ? requests.ToString("0.#", CultureInfo.InvariantCulture) : "",])]);

    /// <summary>As Markdown.</summary>
    public override string ToString() => string.Join('\n',
    [
        Line(Columns),
        Line(Columns.Select((_, i) => i == 0 ? "---" : "---:")),
        .. Rows.Select(Line),
    ]);

    private static string Line(IEnumerable<string> cells) => $"| {string.Join(" | ", cells)} |";

    private static string Milliseconds(TimeSpan time) => time.TotalMilliseconds.ToString("0.0", CultureInfo.InvariantCulture);
}

/// <summary>What one contestant took.</summary>
/// <param name="Contestant">Its name, as the table shows it.</param>
/// <param name="Times">One for each repetition.</param>
/// <param name="Requests">Requests to the server for one repetition, counted apart from the timing; null where they are not.</param>
internal sealed record Measurement(string Contestant, IReadOnlyList<TimeSpan> Times, double? Requests)
{
    /// <summary>The smallest time that is not exceeded by that part of all (nearest rank).</summary>
    /// <param name="part">More than 0, at most 1: 0.5 is the median.</param>
    public TimeSpan Percentile(double part) => Times.Order().ElementAt((int)Math.Ceiling(part * Times.Count) - 1);
}
