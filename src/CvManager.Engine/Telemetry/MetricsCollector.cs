using System.Diagnostics.Metrics;

namespace CvManager.Telemetry;

/// <summary>Adds up what the instruments of one <see cref="EngineMetrics"/> measure, from its creation on. Thread-safe.</summary>
internal sealed class MetricsCollector : IDisposable
{
    /// <summary>Combinations of labels of one metric. Further ones are added up as <see cref="EngineMetrics.Other"/>.</summary>
    internal const int MaxSeries = 500;

    /// <summary>The upper bounds of buckets in seconds: of steps (those of Prometheus's client libraries), and of rollouts.</summary>
    private static readonly double[] StepBounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

    private static readonly double[] RolloutBounds = [1, 2.5, 5, 10, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21600, 86400];

    private readonly MeterListener _listener = new();
    private readonly List<Metric> _metrics = [];

    public MetricsCollector(EngineMetrics metrics)
    {
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter != metrics.Meter)
                return;
            Metric metric = new(instrument);
            lock (_metrics)
                _metrics.Add(metric);
            listener.EnableMeasurementEvents(instrument, metric);
        };
        _listener.SetMeasurementEventCallback<long>(static (_, value, labels, metric) => ((Metric)metric!).Add(value, labels));
        _listener.SetMeasurementEventCallback<double>(static (_, value, labels, metric) => ((Metric)metric!).Add(value, labels));
        _listener.Start();
    }

    /// <summary>The current values.</summary>
    public IReadOnlyList<MetricFamily> Collect()
    {
        lock (_metrics)
            return [.. _metrics.Select(metric => metric.ToFamily())];
    }

    public void Dispose() => _listener.Dispose();

    private sealed class Metric(Instrument instrument)
    {
        private readonly double[]? _bounds =
            instrument is not Histogram<double> ? null
            : instrument.Name.StartsWith("cvmanager_", StringComparison.Ordinal) ? RolloutBounds
            : StepBounds;

        private readonly Dictionary<string, Series> _series = new(StringComparer.Ordinal);

        public void Add(double value, ReadOnlySpan<KeyValuePair<string, object?>> labels)
        {
            var key = KeyOf(labels);
            lock (_series)
            {
                if (!_series.TryGetValue(key, out var series))
                {
                    var read = Read(labels);
                    if (_series.Count >= MaxSeries)
                    {
                        read = [.. read.Select(label => KeyValuePair.Create(label.Key, EngineMetrics.Other))];
                        key = "";
                    }

                    if (!_series.TryGetValue(key, out series))
                        _series.Add(key, series = new Series(read, _bounds?.Length ?? 0));
                }

                series.Add(value, _bounds);
            }
        }

        public MetricFamily ToFamily()
        {
            List<MetricSample> samples = [];
            lock (_series)
            {
                foreach (var series in _series.Values)
                    series.WriteTo(samples, _bounds);
            }

            return new MetricFamily(instrument.Name, _bounds is null ? "counter" : "histogram", instrument.Description ?? "", samples);
        }

        /// <summary>One label is its own key; several are separated by a character that no label contains.</summary>
        private static string KeyOf(ReadOnlySpan<KeyValuePair<string, object?>> labels) =>
            labels.Length switch
            {
                0 => "",
                1 => (string)labels[0].Value!,
                2 => $"{labels[0].Value}\n{labels[1].Value}",
                _ => string.Join('\n', Read(labels).Select(label => label.Value)),
            };

        private static KeyValuePair<string, string>[] Read(ReadOnlySpan<KeyValuePair<string, object?>> labels)
        {
            var read = new KeyValuePair<string, string>[labels.Length];
            for (var i = 0; i < labels.Length; i++)
                read[i] = KeyValuePair.Create(labels[i].Key, (string)labels[i].Value!);
            return read;
        }
    }

    private sealed class Series(IReadOnlyList<KeyValuePair<string, string>> labels, int buckets)
    {
        private readonly long[] _counts = new long[buckets];
        private long _count;
        private double _sum;

        public void Add(double value, double[]? bounds)
        {
            _sum += value;
            _count++;
            if (bounds is null)
                return;
            for (var i = 0; i < bounds.Length; i++)
            {
                if (value <= bounds[i])
                    _counts[i]++;
            }
        }

        public void WriteTo(List<MetricSample> samples, double[]? bounds)
        {
            if (bounds is null)
            {
                samples.Add(new MetricSample(_sum, labels));
                return;
            }

            for (var i = 0; i < bounds.Length; i++)
                samples.Add(Bucket(_counts[i], bounds[i]));
            samples.Add(Bucket(_count, double.PositiveInfinity));
            samples.Add(new MetricSample(_sum, labels, "_sum"));
            samples.Add(new MetricSample(_count, labels, "_count"));
        }

        private MetricSample Bucket(long count, double bound) =>
            new(count, [.. labels, KeyValuePair.Create("le", MetricsText.Number(bound))], "_bucket");
    }
}
