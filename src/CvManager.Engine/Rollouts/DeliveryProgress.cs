using CvManager.Resources;
using CvManager.Workloads;

namespace CvManager.Rollouts;

/// <summary>The state of the delivery of an image to a workload.</summary>
internal enum DeliveryState
{
    Waiting,
    Done,
    Failed,

    /// <summary>The workload no longer exists.</summary>
    Gone,

    /// <summary>The API server accepted the change but stored another image: an admission webhook rewrites it.</summary>
    Overruled,
}

/// <param name="State">The state.</param>
/// <param name="Message">A description for people.</param>
internal sealed record DeliveryProgress(DeliveryState State, string Message)
{
    /// <summary>True if the workload has the image.</summary>
    public bool IsPatched { get; init; } = true;

    /// <summary>True if this step changed the image.</summary>
    public bool IsSwapped { get; init; }

    /// <summary>False if the workload was not checked in this step; earlier facts stay valid.</summary>
    public bool IsSeen { get; init; } = true;

    /// <summary>A condition reason if the workload waits for something that is not the version's fault; otherwise null.</summary>
    public string? BlockedBy { get; init; }

    /// <summary>The image that the API server stored; null if it is the requested one.</summary>
    public string? Answered { get; init; }

    /// <summary>The state before the patch; null if this step did not patch.</summary>
    public WorkloadBaseline? Baseline { get; init; }

    public Trouble? Trouble { get; init; }

    /// <summary>The replacement to write to the status before the next step.</summary>
    public PodReplacementStatus? Replacement { get; init; }
}
