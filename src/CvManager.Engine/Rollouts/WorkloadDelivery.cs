using CvManager.Cluster;
using CvManager.Workloads;

namespace CvManager.Rollouts;

/// <summary>What became of bringing one image to one workload.</summary>
internal enum DeliveryState
{
    Waiting,
    Done,
    Failed,

    /// <summary>The workload does not exist any more.</summary>
    Gone,
}

/// <param name="State">How far it is.</param>
/// <param name="Message">In words.</param>
/// <param name="IsPatched">True where the workload has the image by now.</param>
/// <param name="IsSwapped">True where it had another one until now.</param>
internal sealed record DeliveryProgress(DeliveryState State, string Message, bool IsPatched = true, bool IsSwapped = false);

/// <summary>R3, R4: brings an image to a workload, whichever its kind. Keeps nothing between two steps but its pace; thread-safe.</summary>
internal sealed class WorkloadDelivery(ClusterConnection cluster, WorkloadStore workloads, EvidencePace evidence)
{
    private readonly PodReplacement _pods = new(cluster);
    private readonly JobRecreation _jobs = new(cluster);

    /// <summary>Changes what is to be changed now, and says how far it is.</summary>
    /// <param name="workload">As it was last seen.</param>
    /// <param name="container">The container of its template.</param>
    /// <param name="to">The image that it is to have.</param>
    /// <param name="failFast">Take what the kubelets say for a failure.</param>
    /// <param name="lastMessage">What was said of it last; said again while it is not looked at anew.</param>
    /// <param name="cancellationToken">Stops between two requests.</param>
    public async Task<DeliveryProgress> AdvanceAsync(Workload workload, WorkloadContainer container, string to, bool failFast, string? lastMessage,
        CancellationToken cancellationToken)
    {
        Delivery delivery = WorkloadKind.Find(workload.Kind).Delivery;
        if (delivery == Delivery.Recreate)
        {
            WorkloadProgress? job = await _jobs.AdvanceAsync(workload.Namespace, workload.Name, container.Name, to, cancellationToken);
            // Whoever keeps a picture of the cluster sees the new Job by that: planned from the old one, the rollout would begin again.
            if (job is { State: ProgressState.Done })
                await workloads.FindAsync(workload, cancellationToken);
            return job is not null ? Of(job) : new DeliveryProgress(DeliveryState.Gone, "It is gone.", IsPatched: false);
        }

        if (container.Image != to)
        {
            // Not yet patched, or changed by somebody since: from what it has now (compare and swap, R3).
            return await workloads.SwapImageAsync(workload, container, to, cancellationToken) switch
            {
                ImagePatchOutcome.Swapped => new DeliveryProgress(DeliveryState.Waiting, "patched", IsSwapped: true),
                ImagePatchOutcome.Gone => new DeliveryProgress(DeliveryState.Gone, "It is gone.", IsPatched: false),
                _ => new DeliveryProgress(DeliveryState.Waiting, "somebody else changed it meanwhile; it is read again", IsPatched: false),
            };
        }

        WorkloadProgress progress = delivery == Delivery.PatchTemplateAndReplacePods
            ? await _pods.AdvanceAsync(workload, container, cancellationToken) : workload.Progress;
        if (progress.State == ProgressState.Done)
            return Of(progress);
        if (progress.State == ProgressState.Failed)
        {
            // What a watch told may be older than what is (R6: nothing fails for what was only seen late).
            if (await workloads.FindAsync(workload, cancellationToken) is not { } now)
                return new DeliveryProgress(DeliveryState.Gone, "It is gone.", IsPatched: false);
            if (delivery == Delivery.PatchTemplate && (now.Progress.State != ProgressState.Failed || now.FindContainer(container.Name)?.Image != to))
                return new DeliveryProgress(DeliveryState.Waiting, now.Progress.Message);
        }

        if (progress.State == ProgressState.Waiting && !evidence.TryTake())
            return new DeliveryProgress(DeliveryState.Waiting, lastMessage ?? progress.Message);
        (Trouble? trouble, string? unseen) = await FindTroubleAsync(workload, container, cancellationToken);
        string message = (trouble?.Message ?? unseen) is { } more ? $"{progress.Message}; {more}" : progress.Message;
        bool failed = progress.State == ProgressState.Failed || (failFast && trouble is { IsDecisive: true });
        return new DeliveryProgress(failed ? DeliveryState.Failed : DeliveryState.Waiting, message);
    }

    /// <summary>Goes on with a workload that is not there: a Job between its deletion and its creation.</summary>
    public async Task<DeliveryProgress> AdvanceAbsentAsync(string kind, string space, string name, string container, string to, CancellationToken cancellationToken) =>
        WorkloadKind.Find(kind).Delivery == Delivery.Recreate && await _jobs.ResumeAsync(space, name, container, to, cancellationToken) is { } job
            ? Of(job) : new DeliveryProgress(DeliveryState.Gone, "It is gone, or no longer selected.", IsPatched: false);

    /// <summary>Evidence is welcome, and nothing waits for it: who may not see pods rolls out all the same, and is told.</summary>
    private async Task<(Trouble? Trouble, string? Unseen)> FindTroubleAsync(Workload workload, WorkloadContainer container, CancellationToken cancellationToken)
    {
        try
        {
            return (await workloads.FindTroubleAsync(workload, container, cancellationToken), null);
        }
        catch (CvException e) when (e.Kind == CvErrorKind.Forbidden)
        {
            return (null, $"{e.Message} {e.Remedy}");
        }
    }

    private static DeliveryProgress Of(WorkloadProgress progress) => new(progress.State switch
    {
        ProgressState.Done => DeliveryState.Done,
        ProgressState.Failed => DeliveryState.Failed,
        _ => DeliveryState.Waiting,
    }, progress.Message);
}
