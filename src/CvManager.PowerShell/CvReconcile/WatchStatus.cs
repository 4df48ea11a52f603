using Microsoft.Extensions.Logging;

namespace CvManager.PowerShell;

/// <summary>
/// Shows the events of the controller that a person at a prompt waits for: the initial sync, and who leads. Passes the others on. Thread-safe.
/// </summary>
/// <param name="log">The log for the other events.</param>
/// <param name="show">Shows a line.</param>
internal sealed class WatchStatus(ILogger log, Action<string> show) : ILogger
{
    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => log.BeginScope(state);

    public bool IsEnabled(LogLevel logLevel) => log.IsEnabled(logLevel) || logLevel == LogLevel.Information;

    public void Log<TState>(
        LogLevel logLevel,
        EventId eventId,
        TState state,
        Exception? exception,
        Func<TState, Exception?, string> formatter
    )
    {
        ArgumentNullException.ThrowIfNull(formatter);
        switch (eventId.Id)
        {
            case LogEvents.InitialSyncComplete or LogEvents.LeaseAcquired:
                show(formatter(state, exception));
                break;
            case LogEvents.LeaderObserved:
                show($"Waiting: {formatter(state, exception)}");
                break;
            default:
                log.Log(logLevel, eventId, state, exception, formatter);
                break;
        }
    }
}
