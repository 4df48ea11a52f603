using System.Globalization;

namespace CvManager.Bench;

/// <summary>A table of results.</summary>
internal sealed record FigureTable(IReadOnlyList<string> Columns, IReadOnlyList<IReadOnlyList<string>> Rows)
{
    /// <summary>A table with a row for each contestant.</summary>
    public static FigureTable Of(IReadOnlyList<Measurement> measurements) =>
        new(
            ["contestant", "median ms", "p99 ms", "min ms", "requests"],
            [
                .. measurements.Select(one =>
                    (string[])
                        [
                            one.Contestant,
                            Milliseconds(one.Percentile(0.5)),
                            Milliseconds(one.Percentile(0.99)),
                            Milliseconds(one.Times.Min()),
                            one.Requests is { } requests ? requests.ToString("0.#", CultureInfo.InvariantCulture) : "",
                        ]
                ),
            ]
        );

    /// <summary>The table as Markdown.</summary>
    public override string ToString() =>
        string.Join('\n', [Line(Columns), Line(Columns.Select((_, i) => i == 0 ? "---" : "---:")), .. Rows.Select(Line)]);

    private static string Line(IEnumerable<string> cells) => $"| {string.Join(" | ", cells)} |";

    private static string Milliseconds(TimeSpan time) => time.TotalMilliseconds.ToString("0.0", CultureInfo.InvariantCulture);
}

/// <summary>The times of one contestant.</summary>
/// <param name="Contestant">Its name in the table.</param>
/// <param name="Times">The duration of each repetition.</param>
/// <param name="Requests">The number of requests per repetition, counted in separate runs; null if not counted.</param>
internal sealed record Measurement(string Contestant, IReadOnlyList<TimeSpan> Times, double? Requests)
{
    /// <summary>The percentile of the times (nearest rank).</summary>
    /// <param name="part">Greater than 0, and at most 1: 0.5 is the median.</param>
    public TimeSpan Percentile(double part) => Times.Order().ElementAt((int)Math.Ceiling(part * Times.Count) - 1);
}
