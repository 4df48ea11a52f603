using CvManager.Cluster;
using CvManager.Resources;
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

    /// <summary>The API server took the change and put another image there: an admission webhook keeps the workload from it.</summary>
    Overruled,
}

/// <param name="State">How far it is.</param>
/// <param name="Message">In words.</param>
internal sealed record DeliveryProgress(DeliveryState State, string Message)
{
    /// <summary>True where the workload has the image by now.</summary>
    public bool IsPatched { get; init; } = true;

    /// <summary>True where it had another one until now.</summary>
    public bool IsSwapped { get; init; }

    /// <summary>False where it was not looked at anew: what was known of it holds.</summary>
    public bool IsSeen { get; init; } = true;

    /// <summary>What it waits for that is not the version's doing; null for nothing.</summary>
    public string? BlockedBy { get; init; }

    /// <summary>What the API server made of the image; null where it took it as it is.</summary>
    public string? Answered { get; init; }

    /// <summary>What was there when it was patched; null where it was not now.</summary>
    public WorkloadBaseline? Baseline { get; init; }

    public Trouble? Trouble { get; init; }

    /// <summary>To be written down before the next step; as it was where nothing changed.</summary>
    public PodReplacementStatus? Replacement { get; init; }
}

/// <summary>An image that is brought to a workload: by a rollout, or back by its rollback.</summary>
/// <param name="Entry">What the status says of the workload.</param>
/// <param name="Image">The image that it is to have.</param>
/// <param name="Digest">Of the image; null where it is not known.</param>
internal sealed record DeliveryOrder(WorkloadRolloutStatus Entry, string Image, string? Digest)
{
    /// <summary>The image that it is brought back from; null for a rollout.</summary>
    public string? Failed { get; init; }

    /// <summary>Take what the kubelets say for a failure.</summary>
    public bool FailFast { get; init; }

    /// <summary>Its time is over: it is looked at now, and fails unless it is done, or blocked.</summary>
    public bool IsDue { get; init; }

    /// <summary>What the API server made of images that it was asked for.</summary>
    public IReadOnlyList<ImageRewrite> Rewrites { get; init; } = [];

    /// <summary>When the rollout began.</summary>
    public DateTimeOffset Since { get; init; }

    public DateTimeOffset Now { get; init; }

    /// <summary>Whether the workload's template has the image, as it is written or as the API server answered it.</summary>
    public bool Has(string image) => RunningImage.AreSame(image, Image)
        || Rewrites.Any(r => r.Kind == Entry.Kind && r.Name == Entry.Name && r.Answered == image && RunningImage.AreSame(r.Asked, Image));
}

/// <summary>R3, R4: brings an image to a workload, whichever its kind. Keeps nothing between two steps but its pace; thread-safe.</summary>
internal sealed class WorkloadDelivery(ClusterConnection cluster, WorkloadStore workloads, EvidencePace evidence)
{
    /// <summary>The end of a log is where it says what went wrong.</summary>
    private const int LogLines = 10;
    private const int LogLength = 1000;

    private readonly PodReplacement _pods = new(cluster);
    private readonly JobRecreation _jobs = new(cluster);

    /// <summary>What is there before an image is changed, and so is no evidence about the one that comes.</summary>
    /// <returns>Never null where the workload is a Pod: that nothing ran in it before is to be known, too.</returns>
    public static WorkloadBaseline? BaselineOf(Workload workload, WorkloadContainer container) =>
        workload.DeadlineExceeded is null && workload.Kind != "Pod" ? null
            : new() { DeadlineExceeded = workload.DeadlineExceeded?.At, Restarts = container.Restarts, ImageId = container.ImageId.Length == 0 ? null : container.ImageId };

    /// <summary>Changes what is to be changed now, and says how far it is.</summary>
    /// <param name="workload">As it was last seen.</param>
    /// <param name="container">The container of its template.</param>
    /// <param name="order">What it is to get.</param>
    /// <param name="cancellationToken">Stops between two requests.</param>
    public async Task<DeliveryProgress> AdvanceAsync(Workload workload, WorkloadContainer container, DeliveryOrder order, CancellationToken cancellationToken)
    {
        if (WorkloadKind.Find(workload.Kind).Delivery == Delivery.Recreate)
        {
            (WorkloadProgress Progress, string? Answered)? job = await _jobs.AdvanceAsync(workload.Namespace, workload.Name, container.Name, order.Image, order.Has, cancellationToken);
            // Whoever keeps a picture of the cluster sees the new Job by that: planned from the old one, the rollout would begin again.
            if (job is { Progress.State: ProgressState.Done })
                await workloads.FindAsync(workload, cancellationToken);
            return Of(job, order, "The workload was deleted.");
        }

        return order.Has(container.Image) ? await ObserveAsync(workload, container, order, cancellationToken) : await SwapAsync(workload, container, order, null, cancellationToken);
    }

    /// <summary>Changes the image, from what it has now (compare and swap, R3).</summary>
    /// <param name="replicas">See <see cref="WorkloadStore.SwapImageAsync"/>.</param>
    public async Task<DeliveryProgress> SwapAsync(Workload workload, WorkloadContainer container, DeliveryOrder order, int? replicas, CancellationToken cancellationToken)
    {
        (ImagePatchOutcome outcome, Workload? now) = await workloads.SwapImageAsync(workload, container, order.Image, cancellationToken, replicas);
        if (outcome == ImagePatchOutcome.Gone)
            return new DeliveryProgress(DeliveryState.Gone, "The workload was deleted.") { IsPatched = false };
        if (outcome != ImagePatchOutcome.Swapped || now?.FindContainer(container.Name) is not { } after)
            return new DeliveryProgress(DeliveryState.Waiting, "another client changed it at the same time; reading it again") { IsPatched = false };
        DeliveryProgress patched = new(DeliveryState.Waiting, "patched") { IsSwapped = true, Baseline = BaselineOf(now, after) };
        if (RunningImage.AreSame(after.Image, order.Image))
            return patched;
        return RunningImage.StandsFor(after.Image, order.Image, container.Image, order.Digest)
            ? patched with { Answered = after.Image }
            : new DeliveryProgress(DeliveryState.Overruled, Rewritten(order.Image, after.Image)) { IsPatched = false };
    }

    /// <summary>How far a workload is that has the image.</summary>
    public async Task<DeliveryProgress> ObserveAsync(Workload workload, WorkloadContainer container, DeliveryOrder order, CancellationToken cancellationToken)
    {
        PodReplacementStatus? replacement = order.Entry.Replacement;
        if (order.IsDue)
        {
            // A watch may have told nothing for minutes (R6: nothing fails for what was only seen late).
            if (await workloads.FindAsync(workload, cancellationToken) is not { } fresh)
                return new DeliveryProgress(DeliveryState.Gone, "The workload was deleted.") { IsPatched = false };
            if (fresh.FindContainer(container.Name) is not { } found || !order.Has(found.Image))
                return new DeliveryProgress(DeliveryState.Waiting, "another client changed the image") { IsPatched = false };
            (workload, container) = (fresh, found);
        }

        WorkloadProgress progress = ProgressOf(workload, container, order);
        bool replaces = WorkloadKind.Find(workload.Kind).Delivery == Delivery.PatchTemplateAndReplacePods;
        if (replaces)
            (progress, replacement) = await _pods.AdvanceAsync(workload, container, order.Digest, replacement, order.Now, cancellationToken);
        if (progress.State == ProgressState.Done)
            return new DeliveryProgress(DeliveryState.Done, progress.Message);
        if (progress.BlockedBy is { } by)
            return Blocked(by, progress.Message);
        DeadlineExceeded? exceeded = workload.IsObserved && workload.DeadlineExceeded is { } given && given.At != order.Entry.Baseline?.DeadlineExceeded ? given : null;
        if (!workload.IsObserved && !order.IsDue)
            return new DeliveryProgress(DeliveryState.Waiting, progress.Message) { Replacement = replacement };
        if (exceeded is null && !order.IsDue && !evidence.TryTake())
            return new DeliveryProgress(DeliveryState.Waiting, order.Entry.Message ?? progress.Message) { IsSeen = false, Replacement = replacement };
        if (workload.Kind == "StatefulSet" && await _pods.UnblockAsync(workload, container, order.Failed, replacement, order.Now, cancellationToken) is { } unblocked)
        {
            (progress, replacement) = (unblocked.Progress, unblocked.Replacement);
            if (progress.BlockedBy is { } stays)
                return Blocked(stays, progress.Message);
        }

        Evidence seen;
        try
        {
            seen = await workloads.FindEvidenceAsync(workload, container, order.Digest, order.Entry.Baseline, order.Since, order.Now, cancellationToken);
            if (exceeded is not null && !await workloads.IsOfVersionAsync(exceeded, workload, container, cancellationToken))
                exceeded = null;
        }
        catch (CvException e) when (e.Kind == CvErrorKind.Forbidden)
        {
            // Evidence is welcome, and nothing waits for it: who may not see pods rolls out all the same, and is told.
            return await JudgeAsync(Evidence.None, $"{progress.Message}; {e.Message} {e.Remedy}");
        }

        return seen.Blockage is { } blockage ? Blocked(blockage.By, $"{progress.Message}; {blockage.Message}") : await JudgeAsync(seen, progress.Message);

        // Time that was lost so is not the version's, nor is a deadline that was exceeded meanwhile.
        DeliveryProgress Blocked(string reason, string message) => new(DeliveryState.Waiting, message)
        {
            BlockedBy = reason, Replacement = replacement,
            Baseline = workload.DeadlineExceeded is { } lost && lost.At != order.Entry.Baseline?.DeadlineExceeded
                ? (order.Entry.Baseline ?? new WorkloadBaseline()) with { DeadlineExceeded = lost.At } : null,
        };

        async Task<DeliveryProgress> JudgeAsync(Evidence evidence, string message)
        {
            Trouble? trouble = evidence.Trouble;
            bool failed = order.IsDue || exceeded is not null || (order.FailFast && trouble is { IsDecisive: true });
            string why = exceeded is null ? message : exceeded.Message;
            if (Cause(order.Entry.Trouble, trouble, failed) is { } cause)
                why = $"{why}; {cause}";
            if (failed && trouble?.Crashed is { } crashed)
                why = $"{why}; {await ReadLogAsync(workload.Namespace, crashed, cancellationToken)}";
            return new DeliveryProgress(failed ? DeliveryState.Failed : DeliveryState.Waiting, why) { Trouble = trouble, Replacement = replacement };
        }
    }

    /// <summary>Goes on with a workload that is not there: a Job between its deletion and its creation.</summary>
    public async Task<DeliveryProgress> AdvanceAbsentAsync(string ns, string container, DeliveryOrder order, CancellationToken cancellationToken) =>
        WorkloadKind.Find(order.Entry.Kind).Delivery == Delivery.Recreate
            ? Of(await _jobs.ResumeAsync(ns, order.Entry.Name, container, order.Image, order.Has, cancellationToken), order, "The workload was deleted or is no longer selected.")
            : new DeliveryProgress(DeliveryState.Gone, "The workload was deleted or is no longer selected.") { IsPatched = false };

    /// <summary>A Pod says that it is ready also while the former image runs on.</summary>
    private static WorkloadProgress ProgressOf(Workload workload, WorkloadContainer container, DeliveryOrder order) =>
        workload.Kind != "Pod" || container.IsInit || RunningImage.IsStarted(container, order.Digest, order.Entry.Baseline?.ImageId) ? workload.Progress
            : WorkloadProgress.Waiting(container.ImageId.Length == 0 ? $"container {container.Name} has not started"
                : $"container {container.Name} is still running {container.ImageId}");

    /// <summary>What is wrong, as it was first told: "back-off" does not say that the image was not found. Of crashes, the last one tells how many there were.</summary>
    private static string? Cause(WorkloadTrouble? first, Trouble? now, bool failed) => now is null
        ? failed && first is not null ? $"earlier: {first.Message}" : null
        : now.Kind != TroubleKind.Crash && first?.Kind == now.Kind ? first.Message : now.Message;

    private async Task<string> ReadLogAsync(string ns, (string Pod, string Container) crashed, CancellationToken cancellationToken)
    {
        try
        {
            string log = string.Join('\n', (await workloads.ReadLogAsync(ns, crashed, LogLines, cancellationToken)).Split('\n').Select(line => RemoteText.Show(line)));
            return log.Length == 0 ? "the container log is empty" : $"end of the container log:\n{(log.Length <= LogLength ? log : "…" + log[^LogLength..])}";
        }
        catch (CvException e)
        {
            return $"the container log could not be read: {e.Message}";
        }
    }

    private static string Rewritten(string requested, string stored) => $"an admission webhook rewrote the image {requested} to {stored}";

    private static DeliveryProgress Of((WorkloadProgress Progress, string? Answered)? job, DeliveryOrder order, string gone)
    {
        if (job is not { } known)
            return new DeliveryProgress(DeliveryState.Gone, gone) { IsPatched = false };
        if (known.Answered is { } answered && !order.Has(answered) && !RunningImage.StandsFor(answered, order.Image, order.Entry.FromImage, order.Digest))
            return new DeliveryProgress(DeliveryState.Overruled, Rewritten(order.Image, answered)) { IsPatched = false };
        return new DeliveryProgress(known.Progress.State switch
        {
            ProgressState.Done => DeliveryState.Done,
            ProgressState.Failed => DeliveryState.Failed,
            _ => DeliveryState.Waiting,
        }, known.Progress.Message)
        {
            BlockedBy = known.Progress.BlockedBy,
            Answered = known.Answered is { } image && !RunningImage.AreSame(image, order.Image) ? image : null,
        };
    }
}
