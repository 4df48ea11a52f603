using CvManager.Following;
using CvManager.Resources;

namespace CvManager.Controller;

/// <summary>The state of a controller at one moment.</summary>
internal sealed record ControllerFigures
{
    /// <summary>The resources that it reconciles.</summary>
    public required IReadOnlyList<ContainerVersion> Resources { get; init; }

    /// <summary>The maximum number of resources that are reconciled concurrently.</summary>
    public int Workers { get; init; }

    public int ActiveWorkers { get; init; }

    /// <summary>The number of resources that are due and wait for a worker.</summary>
    public int QueueDepth { get; init; }

    public TagPolls Tags { get; init; }

    public TimeSpan WatchAge { get; init; }

    public long TaskRestarts { get; init; }

    public bool IsReady { get; init; }

    public bool IsLeading { get; init; }

    /// <summary>The name of the Lease; null without an election.</summary>
    public string? LeaseName { get; init; }
}
