using CvManager.Scheduling;

namespace CvManager.Watching;

/// <summary>The times of a <see cref="Reflector{T}"/>.</summary>
internal sealed record ReflectorOptions
{
    /// <summary>
    /// The shortest and the longest that one watch is asked for; it ends at a random time between them. A half-open connection is noticed
    /// half a minute after that, at the latest.
    /// </summary>
    public (TimeSpan Least, TimeSpan Most) WatchTime { get; init; } = (TimeSpan.FromMinutes(4), TimeSpan.FromMinutes(5));

    /// <summary>Between two attempts when the API server cannot be asked.</summary>
    public ExponentialBackoff Backoff { get; init; } = new(TimeSpan.FromMilliseconds(500), TimeSpan.FromSeconds(30));

    /// <summary>How soon it is seen that a kind that is not served, or may not be read, has become so.</summary>
    public ExponentialBackoff AbsentBackoff { get; init; } = new(TimeSpan.FromSeconds(10), TimeSpan.FromMinutes(1));

    /// <summary>A kind without which nothing can be done: while it is not served, its copy is not current.</summary>
    public bool IsRequired { get; init; }

    /// <summary>Where the spread of waits comes from; a seeded one makes tests repeatable.</summary>
    public Random Random { get; init; } = Random.Shared;
}
