using System.Buffers;
using System.Text;
using System.Text.Json;
using CvManager.Controller;
using Microsoft.Extensions.Logging;

namespace CvManager.PowerShell;

/// <summary>The controller's log as JSON lines: time (UTC), level, event, message, and the message's own fields. Thread-safe.</summary>
/// <param name="least">What is less than this is left out.</param>
/// <param name="write">Gets each line; does not wait.</param>
internal sealed class JsonLog(LogLevel least, TimeProvider time, Action<string> write) : ILogger
{
    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => logLevel >= least && logLevel != LogLevel.None;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        if (!IsEnabled(logLevel))
            return;
        Write(logLevel, line =>
        {
            line.WriteNumber("event", eventId.Id);
            line.WriteString("message", formatter(state, exception));
            if (state is IEnumerable<KeyValuePair<string, object?>> fields)
            {
                foreach (var (name, value) in fields.Where(f => f.Key is not ("{OriginalFormat}" or "Message") && f.Value is not null))
                    line.WriteString(JsonNamingPolicy.CamelCase.ConvertName(name), Convert.ToString(value, System.Globalization.CultureInfo.InvariantCulture));
            }

            if (exception is not null)
                line.WriteString("exception", exception.ToString());
        });
    }

    /// <summary>What a look at a resource led to.</summary>
    public void Log(ReconcileResult result)
    {
        var shown = CvReconcileResult.Of(result);
        var level = shown.Error is null ? LogLevel.Information : LogLevel.Error;
        if (!IsEnabled(level))
            return;
        Write(level, line =>
        {
            line.WriteString("message", shown.Message);
            line.WriteString("resource", result.Resource.Key);
            line.WriteString("outcome", shown.Outcome);
            line.WriteString("reason", shown.Reason);
            line.WriteString("version", shown.Version);
            line.WriteString("digest", shown.Digest);
            if (result.Resource.Status?.Rollout?.Id is { } rollout)
                line.WriteString("rollout", rollout);
        });
    }

    private void Write(LogLevel level, Action<Utf8JsonWriter> fields)
    {
        ArrayBufferWriter<byte> buffer = new();
        using (Utf8JsonWriter line = new(buffer, new JsonWriterOptions { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            line.WriteStartObject();
            line.WriteString("time", time.GetUtcNow().UtcDateTime);
            line.WriteString("level", level.ToString());
            fields(line);
            line.WriteEndObject();
        }

        write(Encoding.UTF8.GetString(buffer.WrittenSpan));
    }
}
