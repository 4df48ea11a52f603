using System.Collections.Concurrent;
using System.Diagnostics;

namespace CvManager.Bench;

/// <summary>Things that are to happen, once each, and when they did. Thread-safe.</summary>
internal sealed class Expectation
{
    private readonly ConcurrentDictionary<string, byte> _open;
    private readonly ConcurrentDictionary<string, long> _met = new(StringComparer.Ordinal);
    private readonly TaskCompletionSource _completed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Expectation(IEnumerable<string> keys) =>
        _open = new ConcurrentDictionary<string, byte>(keys.Select(key => KeyValuePair.Create(key, (byte)0)), StringComparer.Ordinal);

    /// <summary>Timestamps (<see cref="Stopwatch"/>) of what has happened.</summary>
    public IReadOnlyDictionary<string, long> Met => _met;

    /// <summary>It happened. What is not expected, or not any more, is passed over.</summary>
    public void Meet(string key)
    {
        if (!_open.ContainsKey(key) || !_met.TryAdd(key, Stopwatch.GetTimestamp()))
            return;
        _open.TryRemove(key, out _);
        if (_open.IsEmpty)
            _completed.TrySetResult();
    }

    /// <summary>Waits until all have happened.</summary>
    /// <param name="limit">It fails after that, and says what is missing.</param>
    /// <param name="controller">Whose end would be the end of waiting.</param>
    public async Task CompletedAsync(TimeSpan limit, ControllerProcess? controller, CancellationToken cancellationToken)
    {
        long begun = Stopwatch.GetTimestamp();
        while (!_completed.Task.IsCompleted)
        {
            cancellationToken.ThrowIfCancellationRequested();
            controller?.ThrowWhereEnded();
            if (Stopwatch.GetElapsedTime(begun) > limit)
                throw new TimeoutException($"{_open.Count} of {_open.Count + _met.Count} are missing after {limit}: {string.Join(", ", _open.Keys.Order(StringComparer.Ordinal).Take(5))}");
            if (await Task.WhenAny(_completed.Task, Task.Delay(TimeSpan.FromSeconds(5), cancellationToken)) != _completed.Task)
                Console.Error.WriteLine($"  {_met.Count} of {_open.Count + _met.Count} after {Stopwatch.GetElapsedTime(begun).TotalSeconds:0} s");
        }
    }
}
