using System.Buffers;
using System.Management.Automation;
using System.Text;
using System.Text.Json;
using CvManager.Controller;
using Microsoft.Extensions.Logging;

namespace CvManager.PowerShell;

/// <summary>
/// Writes the log of the controller as JSON lines with time (UTC), level, event (id), eventName, message, and the fields of the message.
/// Thread-safe.
/// </summary>
/// <param name="minimum">The lowest level that is written.</param>
/// <param name="time">The source of timestamps.</param>
/// <param name="write">Called with each line; must not block.</param>
internal sealed class JsonLog(LogLevel minimum, TimeProvider time, Action<string> write) : ILogger
{
    /// <summary>The events of this assembly; those of the engine are in <see cref="LogEvents"/>.</summary>
    internal static readonly EventId ControllerEnded = new(4901, nameof(ControllerEnded)),
        LinesDropped = new(4902, nameof(LinesDropped)),
        Reconciled = new(4903, nameof(Reconciled));

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => logLevel >= minimum && logLevel != LogLevel.None;

    public void Log<TState>(
        LogLevel logLevel,
        EventId eventId,
        TState state,
        Exception? exception,
        Func<TState, Exception?, string> formatter
    )
    {
        if (!IsEnabled(logLevel))
            return;
        Write(
            logLevel,
            eventId,
            line =>
            {
                line.WriteString("message", formatter(state, exception));
                if (state is IEnumerable<KeyValuePair<string, object?>> fields)
                {
                    foreach (var (name, value) in fields.Where(f => f.Key is not ("{OriginalFormat}" or "Message") && f.Value is not null))
                        line.WriteString(
                            JsonNamingPolicy.CamelCase.ConvertName(name),
                            Convert.ToString(value, System.Globalization.CultureInfo.InvariantCulture)
                        );
                }

                if (exception is not null)
                    line.WriteString("exception", exception.ToString());
            }
        );
    }

    /// <summary>Logs the result of a reconcile.</summary>
    public void Log(ReconcileResult result)
    {
        var shown = CvReconcileResult.Of(result);
        var level = shown.Error is null ? LogLevel.Information : LogLevel.Error;
        if (!IsEnabled(level))
            return;
        Write(
            level,
            Reconciled,
            line =>
            {
                line.WriteString("message", shown.Message);
                line.WriteString("resource", result.Resource.Key);
                line.WriteString("outcome", shown.Outcome);
                line.WriteString("reason", shown.Reason);
                line.WriteString("version", shown.Version);
                line.WriteString("digest", shown.Digest);
                if (result.Resource.Status?.Rollout?.Id is { } rollout)
                    line.WriteString("rollout", rollout);
                if (shown.Error is { } error)
                {
                    line.WriteString("errorId", error.ErrorId);
                    line.WriteString("remedy", error.Remedy);
                }
            }
        );
    }

    /// <summary>Logs an error that ended the controller, or prevented it from starting.</summary>
    public void Log(ErrorRecord error) =>
        Write(
            LogLevel.Critical,
            ControllerEnded,
            line =>
            {
                line.WriteString("message", error.ErrorDetails?.Message ?? error.Exception.Message);
                line.WriteString("errorId", error.FullyQualifiedErrorId.Split(',')[0]);
                if (error.ErrorDetails?.RecommendedAction is { Length: > 0 } remedy)
                    line.WriteString("remedy", remedy);
                if (error.TargetObject is { } target)
                    line.WriteString("resource", target.ToString());
                if (error.Exception is not CvException)
                    line.WriteString("exception", error.Exception.ToString());
            }
        );

    /// <summary>Logs how many lines were dropped because the output was not read fast enough.</summary>
    public void LogDropped(long count) =>
        Write(
            LogLevel.Warning,
            LinesDropped,
            line =>
            {
                line.WriteString("message", $"dropped {Counted.Of(count, "log line")} because standard output was not read fast enough");
                line.WriteNumber("count", count);
            }
        );

    private void Write(LogLevel level, EventId eventId, Action<Utf8JsonWriter> fields)
    {
        ArrayBufferWriter<byte> buffer = new();
        using (
            Utf8JsonWriter line = new(
                buffer,
                new JsonWriterOptions { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping }
            )
        )
        {
            line.WriteStartObject();
            line.WriteString("time", time.GetUtcNow().UtcDateTime);
            line.WriteString("level", level.ToString());
            line.WriteNumber("event", eventId.Id);
            if (eventId.Name is { } name)
                line.WriteString("eventName", name);
            fields(line);
            line.WriteEndObject();
        }

        write(Encoding.UTF8.GetString(buffer.WrittenSpan));
    }
}
