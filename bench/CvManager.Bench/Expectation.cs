using System.Collections.Concurrent;
using System.Diagnostics;

namespace CvManager.Bench;

/// <summary>A set of expected events, each of which happens once, with the time at which it happened. Thread-safe.</summary>
internal sealed class Expectation
{
    private readonly ConcurrentDictionary<string, byte> _open;
    private readonly ConcurrentDictionary<string, long> _met = new(StringComparer.Ordinal);
    private readonly TaskCompletionSource _completed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Expectation(IEnumerable<string> keys) =>
        _open = new ConcurrentDictionary<string, byte>(keys.Select(key => KeyValuePair.Create(key, (byte)0)), StringComparer.Ordinal);

    /// <summary>Timestamps (<see cref="Stopwatch"/>) of the events that have happened.</summary>
    public IReadOnlyDictionary<string, long> Met => _met;

    /// <summary>Records that an event has happened. Ignores events that are not expected, or already recorded.</summary>
    public void Meet(string key)
    {
        if (!_open.ContainsKey(key) || !_met.TryAdd(key, Stopwatch.GetTimestamp()))
            return;
        _open.TryRemove(key, out _);
        if (_open.IsEmpty)
            _completed.TrySetResult();
    }

    /// <summary>Waits until all events have happened.</summary>
    /// <param name="limit">After this time, it throws an exception with the missing events.</param>
    /// <param name="controller">If this process exits, the wait fails.</param>
    public async Task CompletedAsync(TimeSpan limit, ControllerProcess? controller, CancellationToken cancellationToken)
    {
        var started = Stopwatch.GetTimestamp();
        while (!_completed.Task.IsCompleted)
        {
            cancellationToken.ThrowIfCancellationRequested();
            controller?.ThrowIfExited();
            if (Stopwatch.GetElapsedTime(started) > limit)
                throw new TimeoutException(
                    $"{_open.Count} of {_open.Count + _met.Count} events are missing after {limit}: "
                        + $"{string.Join(", ", _open.Keys.Order(StringComparer.Ordinal).Take(5))}"
                );
            if (await Task.WhenAny(_completed.Task, Task.Delay(TimeSpan.FromSeconds(5), cancellationToken)) != _completed.Task)
                Console.Error.WriteLine(
                    $"  {_met.Count} of {_open.Count + _met.Count} after {Stopwatch.GetElapsedTime(started).TotalSeconds:0} s"
                );
        }
    }
}
