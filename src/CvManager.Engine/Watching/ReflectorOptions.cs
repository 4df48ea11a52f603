using CvManager.Scheduling;

namespace CvManager.Watching;

/// <summary>The options of a <see cref="Reflector{T}"/>.</summary>
internal sealed record ReflectorOptions
{
    /// <summary>
    /// The shortest and the longest requested duration of a watch; each watch gets a random duration between them. A half-open connection
    /// is detected a minute after that at the latest.
    /// </summary>
    public (TimeSpan Least, TimeSpan Most) WatchTime { get; init; } = (TimeSpan.FromMinutes(4), TimeSpan.FromMinutes(5));

    /// <summary>The delay between two attempts while the API server is unavailable.</summary>
    public ExponentialBackoff Backoff { get; init; } = new(TimeSpan.FromMilliseconds(500), TimeSpan.FromSeconds(30));

    /// <summary>The delay between two attempts for a kind that is not served or may not be read.</summary>
    public ExponentialBackoff AbsentBackoff { get; init; } = new(TimeSpan.FromSeconds(10), TimeSpan.FromMinutes(1));

    /// <summary>True for a kind that the controller requires: while it is not served, the copy is not current.</summary>
    public bool IsRequired { get; init; }
}
