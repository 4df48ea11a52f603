using Microsoft.Extensions.Logging;
using Xunit;

namespace CvManager.Support;

/// <summary>A log message as structured data: event and fields. Tests must not depend on its text.</summary>
/// <param name="Id">One of <see cref="LogEvents"/>.</param>
/// <param name="Fields">By name in the message template.</param>
/// <param name="Text">The formatted message, for output of failed tests.</param>
internal sealed record LoggedEvent(LogLevel Level, int Id, IReadOnlyDictionary<string, string> Fields, string Text)
{
    /// <summary>The id of the logged error; null for none.</summary>
    public string? ErrorId => Fields.GetValueOrDefault("ErrorId");

    public override string ToString() => Text;
}

/// <summary>Records log messages. Thread-safe.</summary>
internal sealed class EventLog(LogLevel least = LogLevel.Trace) : ILogger
{
    private readonly List<LoggedEvent> _events = [];

    /// <summary>All messages so far, in order.</summary>
    public IReadOnlyList<LoggedEvent> Events
    {
        get
        {
            lock (_events)
                return [.. _events];
        }
    }

    public IEnumerable<LoggedEvent> Of(int id) => Events.Where(one => one.Id == id);

    /// <summary>The event whose text contains these facts.</summary>
    public LoggedEvent AssertOnce(int id, params string[] facts)
    {
        var one = Assert.Single(Events, e => e.Id == id && Facts.AreIn(e.Text, facts));
        Assert.DoesNotContain("   at ", string.Concat(Events), StringComparison.Ordinal);
        return one;
    }

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => logLevel >= least;

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
        Dictionary<string, string> fields = new(StringComparer.Ordinal);
        foreach ((var name, var value) in state as IEnumerable<KeyValuePair<string, object?>> ?? [])
            fields[name] = Convert.ToString(value, System.Globalization.CultureInfo.InvariantCulture) ?? "";
        lock (_events)
            _events.Add(
                new LoggedEvent(
                    logLevel,
                    eventId.Id,
                    fields,
                    $"{logLevel} {formatter(state, exception)}{(exception is null ? "" : $" {exception}")}"
                )
            );
    }
}
