namespace CvManager.Watching;

/// <summary>A <see cref="Reflector{T}"/> of any type. Thread-safe.</summary>
internal interface IReflector
{
    /// <summary>The name of the collection in messages.</summary>
    string Name { get; }

    /// <summary>Completes when the collection has been read once, or is known not to be served or not to be readable.</summary>
    Task Synced { get; }

    /// <summary>True while the copy is up to date: the collection was read, and its watch is open and not overdue.</summary>
    bool IsCurrent { get; }

    /// <summary>The time since the API server last sent anything, including the regular end of a watch.</summary>
    TimeSpan Age { get; }

    /// <summary>
    /// The time since the last list or watch was started. With all their time limits it is less than half an hour, whatever the API server
    /// does; zero before the first one.
    /// </summary>
    TimeSpan SinceAttempt { get; }

    /// <summary>True while a request of <see cref="Relist"/> is pending.</summary>
    bool IsRelisting { get; }

    /// <summary>Lists the whole collection again, because the cluster may have been restored from a backup.</summary>
    void Relist();

    /// <summary>Runs until the token is cancelled; does not throw then.</summary>
    Task RunAsync(CancellationToken cancellationToken);
}
