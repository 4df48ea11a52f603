namespace CvManager.Sandbox;

/// <summary>
/// Faults of an API server and of the network, drawn from a seed: the same requests in the same order meet the same faults. What it
/// answers with is what a client has to live with: 409, 410, 429, 500, 503, broken connections with and without effect, slow answers,
/// and watches that end, break, expire or fall silent. Thread-safe.
/// </summary>
/// <param name="seed">Of the random numbers.</param>
/// <param name="share">How many of the requests meet one: 0 to 1.</param>
public sealed class FaultSchedule(int seed, double share)
{
    private static readonly TimeSpan SlowestAnswer = TimeSpan.FromSeconds(10);

    // A schedule, not a secret.
    private readonly Random random = new(seed);
    private readonly object gate = new();

    /// <summary>Faults happen while it is true. The random numbers are drawn all the same.</summary>
    public bool IsOn { get; set; } = true;

    /// <summary>For <see cref="SandboxCluster.CreateHandler"/>.</summary>
    public ValueTask<RequestFault> Next(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(request);
        string query = request.RequestUri?.Query ?? "";
        bool isWatch = query.Contains("watch=1", StringComparison.Ordinal) || query.Contains("watch=true", StringComparison.Ordinal);
        bool isWrite = request.Method != HttpMethod.Get;
        lock (gate)
        {
            double hit = random.NextDouble();
            var fault = isWatch ? OfWatch() : OfRequest(isWrite, query.Contains("continue=", StringComparison.Ordinal));
            return ValueTask.FromResult(IsOn && hit < share ? fault : RequestFault.None);
        }
    }

    private RequestFault OfRequest(bool isWrite, bool isContinued) => random.Next(9) switch
    {
        0 => new RequestFault { StatusCode = 429, RetryAfterSeconds = random.Next(1, 5) },
        1 => new RequestFault { StatusCode = 500 },
        2 => new RequestFault { StatusCode = 503 },
        3 => new RequestFault { DropRequest = true },
        4 or 5 when isWrite => new RequestFault { DropAnswer = true },
        6 when isWrite => new RequestFault { StatusCode = 409 },
        6 when isContinued => new RequestFault { StatusCode = 410 },
        7 => new RequestFault { RequestDelay = SlowestAnswer * random.NextDouble() },
        _ => new RequestFault { AnswerDelay = SlowestAnswer * random.NextDouble() },
    };

    private RequestFault OfWatch() => random.Next(7) switch
    {
        0 => new RequestFault { StatusCode = 410 },
        1 => new RequestFault { StatusCode = 500 },
        2 => new RequestFault { DropAnswer = true },
        var kind => new RequestFault
        {
            Watch = new WatchFault((WatchFaultKind)(kind - 3))
            {
                AfterEvents = random.Next(2) == 0 ? random.Next(1, 10) : null,
                AfterTime = TimeSpan.FromSeconds(random.Next(1, 60)),
            },
        },
    };
}
