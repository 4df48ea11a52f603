namespace CvManager.Watching;

/// <summary>A <see cref="Reflector{T}"/>, whatever it reads. Thread-safe.</summary>
internal interface IReflector
{
    /// <summary>The collection, as messages name it.</summary>
    string Name { get; }

    /// <summary>Ends when the collection was read once, or is known not to be there or not to be readable.</summary>
    Task Synced { get; }

    /// <summary>True while the copy is kept up to date: it was read, and its watch is open and not overdue.</summary>
    bool IsCurrent { get; }

    /// <summary>How long ago the API server last told something, if only that the watch has come to its time.</summary>
    TimeSpan Age { get; }

    /// <summary>True until what <see cref="ReadAgain"/> asked for is done.</summary>
    bool ReadsAgain { get; }

    /// <summary>Reads the whole collection again: what is known of it may be of another past.</summary>
    void ReadAgain();

    /// <summary>Goes on until the token is cancelled; throws nothing then.</summary>
    Task RunAsync(CancellationToken cancellationToken);
}
