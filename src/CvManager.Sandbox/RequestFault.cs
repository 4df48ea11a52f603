namespace CvManager.Sandbox;

/// <summary>Decides which fault each request of one client gets; <see cref="RequestFault.None"/> for none.</summary>
public delegate ValueTask<RequestFault> FaultInjector(HttpRequestMessage request, CancellationToken cancellationToken);

/// <summary>The fault of one request. The properties can be combined: a delayed response may be dropped as well.</summary>
public sealed record RequestFault
{
    public static RequestFault None { get; } = new();

    /// <summary>Delays the request on its way to the server.</summary>
    public TimeSpan RequestDelay { get; init; }

    /// <summary>Delays the response (of a watch: its headers) on its way to the client.</summary>
    public TimeSpan ResponseDelay { get; init; }

    /// <summary>Replaces the server's response with an error of this status code (409, 410, 429, 500 …).</summary>
    public int? StatusCode { get; init; }

    /// <summary>The reason of that error; by default the usual one for the code.</summary>
    public string? Reason { get; init; }

    public string? Message { get; init; }

    /// <summary>The Retry-After header of that error, in seconds.</summary>
    public int? RetryAfterSeconds { get; init; }

    /// <summary>Drops the connection before the server receives the request: nothing is changed.</summary>
    public bool DropRequest { get; init; }

    /// <summary>Drops the connection after the server processed the request: the client does not learn the outcome.</summary>
    public bool DropResponse { get; init; }

    /// <summary>A fault of a watch's stream; null for none.</summary>
    public WatchFault? Watch { get; init; }
}

/// <summary>
/// A fault of a watch's stream, after <see cref="AfterEvents"/> or <see cref="AfterTime"/>, whichever comes first; at once if both are
/// null.
/// </summary>
public sealed record WatchFault(WatchFaultKind Kind)
{
    /// <summary>The number of events that arrive before the fault; null to use AfterTime only.</summary>
    public int? AfterEvents { get; init; }

    /// <summary>The time from the start of the watch to the fault; null to use AfterEvents only.</summary>
    public TimeSpan? AfterTime { get; init; }
}

public enum WatchFaultKind
{
    /// <summary>The stream ends as if the server closed it.</summary>
    End,

    /// <summary>The connection is dropped: reading fails.</summary>
    Break,

    /// <summary>The connection is half open: no more data and no end of the stream arrive.</summary>
    Stall,

    /// <summary>An ERROR event with code 410 arrives, then the stream ends.</summary>
    Expire,
}
