namespace CvManager.Sandbox;

/// <summary>
/// Draws random API server and network faults from a seed: the same requests in the same order get the same faults. They are 409, 410,
/// 429, 500, 503, connections dropped before or after the request took effect, slow requests and responses, and watches that end, break,
/// expire or stall. Thread-safe.
/// </summary>
/// <param name="seed">The seed of the random numbers.</param>
/// <param name="share">The fraction of requests that get a fault: 0 to 1.</param>
public sealed class FaultSchedule(int seed, double share)
{
    private static readonly TimeSpan MaxDelay = TimeSpan.FromSeconds(10);

    // Not security relevant.
    private readonly Random _random = new(seed);
    private readonly object _gate = new();

    /// <summary>Whether faults occur. Random numbers are drawn in any case, so that switching does not change later faults.</summary>
    public bool IsOn { get; set; } = true;

    /// <summary>Draws the fault of one request; pass it to <see cref="SandboxCluster.CreateHandler"/>.</summary>
    public ValueTask<RequestFault> Next(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(request);
        var query = request.RequestUri?.Query ?? "";
        var isWatch = query.Contains("watch=1", StringComparison.Ordinal) || query.Contains("watch=true", StringComparison.Ordinal);
        var isWrite = request.Method != HttpMethod.Get;
        lock (_gate)
        {
            var hit = _random.NextDouble();
            var fault = isWatch ? DrawWatchFault() : DrawRequestFault(isWrite, query.Contains("continue=", StringComparison.Ordinal));
            return ValueTask.FromResult(IsOn && hit < share ? fault : RequestFault.None);
        }
    }

    private RequestFault DrawRequestFault(bool isWrite, bool isContinued) =>
        _random.Next(9) switch
        {
            0 => new RequestFault { StatusCode = 429, RetryAfterSeconds = _random.Next(1, 5) },
            1 => new RequestFault { StatusCode = 500 },
            2 => new RequestFault { StatusCode = 503 },
            3 => new RequestFault { DropRequest = true },
            4 or 5 when isWrite => new RequestFault { DropResponse = true },
            6 when isWrite => new RequestFault { StatusCode = 409 },
            6 when isContinued => new RequestFault { StatusCode = 410 },
            7 => new RequestFault { RequestDelay = MaxDelay * _random.NextDouble() },
            _ => new RequestFault { ResponseDelay = MaxDelay * _random.NextDouble() },
        };

    private RequestFault DrawWatchFault() =>
        _random.Next(7) switch
        {
            0 => new RequestFault { StatusCode = 410 },
            1 => new RequestFault { StatusCode = 500 },
            2 => new RequestFault { DropResponse = true },
            var kind => new RequestFault
            {
                Watch = new WatchFault((WatchFaultKind)(kind - 3))
                {
                    AfterEvents = _random.Next(2) == 0 ? _random.Next(1, 10) : null,
                    AfterTime = TimeSpan.FromSeconds(_random.Next(1, 60)),
                },
            },
        };
}
