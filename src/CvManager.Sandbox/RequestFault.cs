namespace CvManager.Sandbox;

/// <summary>Sees each request of one client and decides what goes wrong with it; <see cref="RequestFault.None"/> for nothing.</summary>
public delegate ValueTask<RequestFault> FaultInjector(HttpRequestMessage request, CancellationToken cancellationToken);

/// <summary>What goes wrong with one request. Its parts combine: a slow answer may be dropped as well.</summary>
public sealed record RequestFault
{
    public static RequestFault None { get; } = new();

    /// <summary>The request reaches the server this much later.</summary>
    public TimeSpan RequestDelay { get; init; }

    /// <summary>The answer (a watch: its head) reaches the client this much later than the server gave it.</summary>
    public TimeSpan AnswerDelay { get; init; }

    /// <summary>Answered instead of by the server: a metav1.Status of this code (409, 410, 429, 500 …).</summary>
    public int? StatusCode { get; init; }

    /// <summary>The reason of that status; by default the one that goes with the code.</summary>
    public string? Reason { get; init; }

    public string? Message { get; init; }

    /// <summary>Seconds in the Retry-After header of that answer.</summary>
    public int? RetryAfterSeconds { get; init; }

    /// <summary>The connection breaks before the server has the request: nothing is changed.</summary>
    public bool DropRequest { get; init; }

    /// <summary>The connection breaks after the server acted: the client does not know what became of it.</summary>
    public bool DropAnswer { get; init; }

    /// <summary>For a watch: how its stream misbehaves; null for not at all.</summary>
    public WatchFault? Watch { get; init; }
}

/// <summary>How a watch's stream misbehaves, once <see cref="AfterEvents"/> events or <see cref="AfterTime"/> have passed.</summary>
public sealed record WatchFault(WatchFaultKind Kind)
{
    /// <summary>Events that still arrive; null: does not count.</summary>
    public int? AfterEvents { get; init; }

    /// <summary>Time since the watch began; null: does not count.</summary>
    public TimeSpan? AfterTime { get; init; }
}

public enum WatchFaultKind
{
    /// <summary>The stream ends as if the server had closed it.</summary>
    End,
    /// <summary>The connection breaks: reading fails.</summary>
    Break,
    /// <summary>Half open: nothing arrives any more, and nothing tells.</summary>
    Stall,
    /// <summary>An ERROR event of code 410 arrives, then the stream ends.</summary>
    Expire,
}
