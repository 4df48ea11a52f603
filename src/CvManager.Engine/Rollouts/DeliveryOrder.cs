using CvManager.Resources;
using CvManager.Workloads;

namespace CvManager.Rollouts;

/// <summary>The order to deliver an image to a workload, in a rollout or a rollback.</summary>
/// <param name="Entry">The workload's entry in the status.</param>
/// <param name="Image">The image to deliver.</param>
/// <param name="Digest">The digest of the image; null if unknown.</param>
internal sealed record DeliveryOrder(WorkloadRolloutStatus Entry, string Image, string? Digest)
{
    /// <summary>In a rollback, the image that failed; null in a rollout.</summary>
    public string? Failed { get; init; }

    /// <summary>True to treat decisive evidence from the kubelets as a failure.</summary>
    public bool FailFast { get; init; }

    /// <summary>True if the workload's time is up: it fails unless it is done or blocked.</summary>
    public bool IsDue { get; init; }

    /// <summary>The known rewrites of images by admission webhooks.</summary>
    public IReadOnlyList<ImageRewrite> Rewrites { get; init; } = [];

    /// <summary>The start of the rollout.</summary>
    public DateTimeOffset Since { get; init; }

    public DateTimeOffset Now { get; init; }

    /// <summary>Whether an image is the ordered one, or the one to which the API server rewrote it.</summary>
    public bool Has(string image) =>
        RunningImage.AreSame(image, Image)
        || Rewrites.Any(r => r.Kind == Entry.Kind && r.Name == Entry.Name && r.Answered == image && RunningImage.AreSame(r.Asked, Image));
}
