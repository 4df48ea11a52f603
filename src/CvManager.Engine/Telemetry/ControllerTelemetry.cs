using System.Text;
using CvManager.Controller;
using CvManager.Registries;

namespace CvManager.Telemetry;

/// <summary>The metrics of a controller as text. Thread-safe.</summary>
/// <remarks>The text is made at most once in <see cref="Freshness"/>, however often it is asked for.</remarks>
public sealed class ControllerTelemetry : IDisposable
{
    internal static readonly TimeSpan Freshness = TimeSpan.FromSeconds(1);

    private readonly object _gate = new();
    private readonly EngineMetrics _metrics;
    private readonly MetricsCollector _collector;
    private readonly ContainerVersionController _controller;
    private readonly RegistryCatalog _registries;
    private readonly TimeProvider _time;
    private ReadOnlyMemory<byte> _text;
    private long? _madeAt;

    /// <param name="metrics">The instruments that the controller and the registries report to.</param>
    /// <param name="controller">Has not been started.</param>
    /// <param name="registries">The registries that the controller reads.</param>
    /// <param name="time">The clock.</param>
    public ControllerTelemetry(EngineMetrics metrics, ContainerVersionController controller, RegistryCatalog registries, TimeProvider time)
    {
        (_metrics, _controller, _registries, _time) = (metrics, controller, registries, time);
        _collector = new MetricsCollector(metrics);
    }

    /// <summary>The type of <see cref="Write"/>'s text.</summary>
    public static string ContentType => MetricsText.ContentType;

    /// <summary>The metrics in Prometheus's text format, in UTF-8.</summary>
    public ReadOnlyMemory<byte> Write()
    {
        lock (_gate)
        {
            if (_madeAt is { } made && _time.GetElapsedTime(made) < Freshness)
                return _text;
            _madeAt = _time.GetTimestamp();
            return _text = Encoding.UTF8.GetBytes(
                MetricsText.Write([
                    .. _collector.Collect(),
                    .. ControllerGauges.Of(_controller.Figures, _registries.Budgets, _metrics.RegistryLabel),
                ])
            );
        }
    }

    public void Dispose() => _collector.Dispose();
}
