using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace CvManager.Scheduling;

/// <summary>
/// Keeps the controller's long-running tasks running: an exception is logged, and the task is restarted after a backoff. Only
/// cancellation ends it. A task that returns on its own has a defect that a restart cannot fix, and so ends the controller.
/// </summary>
/// <remarks>Thread-safe. Each cause is logged once for each name, until a run has lasted as long as the longest backoff.</remarks>
internal sealed partial class Supervisor(EngineEnvironment environment)
{
    private static readonly ExponentialBackoff Backoff = new(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(30));

    /// <summary>The number of consecutive failures, one to three minutes, after which a task counts as failing.</summary>
    private const int ManyFailures = 10;

    private readonly ReportOnce<string> _logged = new();
    private readonly ConcurrentDictionary<string, (int Count, long LastAt)> _failures = new(StringComparer.Ordinal);
    private long _restarts;

    /// <summary>How often tasks have been restarted.</summary>
    public long Restarts => Interlocked.Read(ref _restarts);

    /// <summary>The name of a task that does nothing but fail; null for none. A restart of the process may help.</summary>
    public string? FindFailing() =>
        _failures
            .Where(task => task.Value.Count >= ManyFailures && environment.Time.GetElapsedTime(task.Value.LastAt) < 2 * Backoff.Cap)
            .Select(task => task.Key)
            .FirstOrDefault();

    /// <summary>Runs a task until the token is cancelled, and then returns.</summary>
    /// <param name="name">The task's name in the log. Tasks of one kind share a name, and a failure is logged once for the name.</param>
    /// <param name="task">Runs until its token is cancelled.</param>
    /// <param name="cancellationToken">Ends the task.</param>
    /// <exception cref="CvException"><c>ControllerTaskEnded</c>: the task returned before it was cancelled.</exception>
    public async Task RunAsync(string name, Func<CancellationToken, Task> task, CancellationToken cancellationToken)
    {
        var failures = 0;
        while (!cancellationToken.IsCancellationRequested)
        {
            var begun = environment.Time.GetTimestamp();
            try
            {
                await task(cancellationToken);
                if (cancellationToken.IsCancellationRequested)
                    return;
                throw new CvException(
                    ErrorIds.ControllerTaskEnded,
                    CvErrorKind.Failed,
                    $"The controller's {name} ended unexpectedly.",
                    "Restart the controller, and report this defect."
                )
                {
                    Target = name,
                };
            }
            catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e) when (e is not CvException { ErrorId: ErrorIds.ControllerTaskEnded })
            {
                var ranWell = environment.Time.GetElapsedTime(begun) >= Backoff.Cap;
                failures = ranWell ? 1 : Math.Min(failures + 1, 1000);
                Interlocked.Increment(ref _restarts);
                _failures[name] = (failures, environment.Time.GetTimestamp());
                if (ranWell)
                    _logged.Forget(name);
                if (_logged.IsNew(name, $"{e.GetType()}: {e.Message}"))
                    LogFailed(environment.Logger, name, ErrorIds.ControllerTaskFailed, "The task is restarted. Report this defect.", e);
            }

            await environment.Time.PauseAsync(Backoff.After(failures, environment.Random), cancellationToken);
        }
    }

    [LoggerMessage(
        EventId = LogEvents.TaskFailed,
        EventName = nameof(LogEvents.TaskFailed),
        Level = LogLevel.Error,
        Message = "The controller's {Task} failed unexpectedly ({ErrorId}). {Remedy}"
    )]
    private static partial void LogFailed(ILogger logger, string task, string errorId, string remedy, Exception error);
}
