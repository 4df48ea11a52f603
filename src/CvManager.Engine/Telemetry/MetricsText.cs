using System.Globalization;
using System.Text;

namespace CvManager.Telemetry;

/// <summary>Prometheus's text format 0.0.4 (prometheus.io/docs/instrumenting/exposition_formats). Pure.</summary>
internal static class MetricsText
{
    public const string ContentType = "text/plain; version=0.0.4; charset=utf-8";

    public static string Write(IEnumerable<MetricFamily> families)
    {
        StringBuilder text = new();
        foreach (var family in families)
        {
            text.Append("# HELP ").Append(family.Name).Append(' ');
            Escape(text, family.Help, quotes: false);
            text.Append("\n# TYPE ").Append(family.Name).Append(' ').Append(family.Type).Append('\n');
            foreach (var sample in family.Samples)
            {
                text.Append(family.Name).Append(sample.Suffix);
                var separator = '{';
                foreach (var (name, value) in sample.Labels)
                {
                    text.Append(separator).Append(name).Append("=\"");
                    Escape(text, value, quotes: true);
                    text.Append('"');
                    separator = ',';
                }

                if (sample.Labels.Count > 0)
                    text.Append('}');
                text.Append(' ').Append(Number(sample.Value)).Append('\n');
            }
        }

        return text.ToString();
    }

    public static string Number(double value) =>
        double.IsPositiveInfinity(value) ? "+Inf"
        : double.IsNegativeInfinity(value) ? "-Inf"
        : value.ToString("R", CultureInfo.InvariantCulture);

    private static void Escape(StringBuilder text, string value, bool quotes)
    {
        foreach (var c in value)
        {
            if (c == '\n')
                text.Append("\\n");
            else if (c == '\\' || (quotes && c == '"'))
                text.Append('\\').Append(c);
            else
                text.Append(c);
        }
    }
}
