using Microsoft.Extensions.Logging;
using Xunit;

namespace CvManager.Unit;

/// <summary>One message of the log, as a machine reads it: its event and its fields. Its words are free to change.</summary>
/// <param name="Id">One of <see cref="LogEvents"/>.</param>
/// <param name="Fields">By the names in the message's template.</param>
/// <param name="Text">The line as people read it, for a failed test to show.</param>
internal sealed record LoggedEvent(LogLevel Level, int Id, IReadOnlyDictionary<string, string> Fields, string Text)
{
    /// <summary>The id of the error that it tells of; null for none.</summary>
    public string? ErrorId => Fields.GetValueOrDefault("ErrorId");

    public override string ToString() => Text;
}

/// <summary>Keeps what is logged. Thread-safe.</summary>
internal sealed class EventLog(LogLevel least = LogLevel.Trace) : ILogger
{
    private readonly List<LoggedEvent> _events = [];

    /// <summary>Everything so far, in order.</summary>
    public IReadOnlyList<LoggedEvent> Events
    {
        get
        {
            lock (_events)
                return [.. _events];
        }
    }

    public IEnumerable<LoggedEvent> Of(int id) => Events.Where(one => one.Id == id);

    /// <summary>One such event, whose text tells these facts.</summary>
    public LoggedEvent AssertOnce(int id, params string[] facts)
    {
        LoggedEvent one = Assert.Single(Events, e => e.Id == id && Facts.AreIn(e.Text, facts));
        Assert.DoesNotContain("   at ", string.Concat(Events), StringComparison.Ordinal);
        return one;
    }

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => logLevel >= least;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        if (!IsEnabled(logLevel))
            return;
        Dictionary<string, string> fields = new(StringComparer.Ordinal);
        foreach ((string name, object? value) in state as IEnumerable<KeyValuePair<string, object?>> ?? [])
            fields[name] = Convert.ToString(value, System.Globalization.CultureInfo.InvariantCulture) ?? "";
        lock (_events)
            _events.Add(new LoggedEvent(logLevel, eventId.Id, fields, $"{logLevel} {formatter(state, exception)}{(exception is null ? "" : $" {exception}")}"));
    }
}

/// <summary>Facts in a text for people: names of fields, values, commands, what a server said. The words around them are free to change.</summary>
internal static class Facts
{
    public static bool AreIn(string? text, params IEnumerable<string> facts) => text is not null && facts.All(fact => text.Contains(fact, StringComparison.Ordinal));

    /// <summary>Fails unless the text has each of them.</summary>
    public static void AssertIn(string? text, params IEnumerable<string> facts)
    {
        Assert.NotNull(text);
        Assert.All(facts, fact => Assert.Contains(fact, text, StringComparison.Ordinal));
    }
}
