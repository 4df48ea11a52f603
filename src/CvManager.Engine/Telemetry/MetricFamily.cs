namespace CvManager.Telemetry;

/// <summary>A metric with all of its samples.</summary>
/// <param name="Name">The name without the suffixes of a histogram's samples.</param>
/// <param name="Type">counter, gauge or histogram.</param>
/// <param name="Help">One sentence.</param>
/// <param name="Samples">The samples.</param>
internal sealed record MetricFamily(string Name, string Type, string Help, IReadOnlyList<MetricSample> Samples)
{
    public static MetricFamily Gauge(string name, string help, params MetricSample[] samples) => new(name, "gauge", help, samples);
}

/// <summary>One line of the output.</summary>
/// <param name="Value">The value.</param>
/// <param name="Labels">In the order in which they are written.</param>
/// <param name="Suffix">For a histogram: <c>_bucket</c>, <c>_sum</c> or <c>_count</c>.</param>
internal sealed record MetricSample(double Value, IReadOnlyList<KeyValuePair<string, string>> Labels, string Suffix = "")
{
    public static MetricSample Of(double value, params (string Name, string Value)[] labels) =>
        new(value, [.. labels.Select(label => KeyValuePair.Create(label.Name, label.Value))]);
}
